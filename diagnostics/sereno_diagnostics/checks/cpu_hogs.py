"""Which programs take the processors right now: ticks of every process, taken twice a moment apart."""

from collections import Counter

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.procfs import HERTZ, Process, processor
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.sampling import twice
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Processor hogs"
PARAMETERS = (Parameter("seconds", "number", "how long to watch", default="3", minimum=1, maximum=30),)
READS = ("/proc/*/stat", "/proc/stat")
TIMEOUT_S = 45.0
SEVERITIES = {
    "serious": "all processors are busy, and one program takes half of them",
    "note": "one program keeps a whole processor busy",
}
FIGURES = {
    "busy_percent": "of all processors together",
    "top_cores": "whole processors that the busiest program takes",
    "processors": "how many there are",
}
PROGRAMS_SHOWN = 8
_ALL_BUSY, _HALF, _WHOLE = 95.0, 0.5, 0.9


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, the busiest first as evidence."""

    def look() -> tuple[dict[str, int], list[Process]]:
        return processor(reader.text("/proc/stat") or ""), reader.processes()

    (ticks_before, processes_before), (ticks, processes), elapsed = twice(reader, look, float(values["seconds"]))
    spent = sum(ticks.get(key, 0) - ticks_before.get(key, 0) for key in _KINDS)
    if not processes or spent <= 0:
        return untold("Use of the processors", "the kernel does not tell it")
    idle = sum(ticks.get(key, 0) - ticks_before.get(key, 0) for key in ("idle", "iowait"))
    earlier = {(one.pid, one.started): one.ticks for one in processes_before}
    cores: Counter[str] = Counter()
    for one in processes:
        cores[one.name] += max(0, one.ticks - earlier.get((one.pid, one.started), 0 if earlier else one.ticks))
    top = [(name, count / HERTZ / elapsed) for name, count in cores.most_common(PROGRAMS_SHOWN) if count]
    busy, number = 100 * (1 - idle / spent), max(ticks.get("processors", 1), 1)
    name, most = top[0] if top else ("nothing", 0.0)
    severity = SERIOUS if busy >= _ALL_BUSY and most >= _HALF * number else NOTE if most >= _WHOLE else FINE
    return [
        finding(
            severity,
            f"{counted(number, 'processor')} {busy:.0f} % busy; {name} takes most, {most:.2f} of them",
            advice="See whether it should be doing that now; give it less room (renice) or stop it."
            if severity > FINE
            else "",
            evidence=[(program, f"{share:.2f} processors") for program, share in top],
            figures={"busy_percent": busy, "top_cores": most, "processors": number},
        )
    ]


_KINDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
