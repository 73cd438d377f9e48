"""Whether the host of this virtual machine, or a limit of its group, takes processor time away."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.procfs import processor
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.sampling import twice
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Stolen processor time"
PARAMETERS = ()
READS = ("/proc/stat",)
SEVERITIES = {"serious": "20 % or more is stolen", "note": "5 % or more"}
FIGURES = {
    "steal_percent": "time in which something was ready to run and the host ran another machine",
    "iowait_percent": "time in which nothing ran and something waited for a disk",
}
_LEVELS = ((20.0, SERIOUS), (5.0, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding over three seconds."""
    before, after, _ = twice(reader, lambda: processor(reader.text("/proc/stat") or ""), 3.0)
    spent = {key: after[key] - before.get(key, 0) for key in after if key not in {"running", "blocked", "btime"}}
    whole = sum(count for key, count in spent.items() if key != "processors")
    if whole <= 0 or "steal" not in spent:
        return untold("Stolen time", "the kernel does not tell it")
    steal, wait = (100 * spent[key] / whole for key in ("steal", "iowait"))
    severity = graded(steal, _LEVELS)
    return [
        finding(
            severity,
            f"{steal:.0f} % of the processors' time is stolen, {wait:.0f} % is spent waiting for disks",
            advice="Ask who runs the host: it has promised more processors than it has." if severity > FINE else "",
            figures={"steal_percent": steal, "iowait_percent": wait},
        )
    ]
