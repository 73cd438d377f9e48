"""Whether an update asked for a restart of the machine, which ones, and how long it has been up."""

from sereno_diagnostics.findings import FINE, NOTE, ago, finding
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Restart wanted"
PARAMETERS = ()
READS = ("/run/reboot-required", "/run/reboot-required.pkgs", "/run/reboot-needed", "/proc/uptime")
SEVERITIES = {"note": "a restart is wanted"}
FIGURES = {"wanted": "1 when a restart is wanted, else 0", "up_s": "seconds since the start"}
_FLAGS = ("/run/reboot-required", "/run/reboot-needed")


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the packages that asked for it as evidence."""
    flags = [path for path in _FLAGS if reader.text(path) is not None]
    asked = (reader.text("/run/reboot-required.pkgs") or "").split()
    up = float((reader.text("/proc/uptime") or "0").split()[0])
    return [
        finding(
            NOTE if flags else FINE,
            f"A restart is wanted{f' by {asked[0]}' if asked else ''}" if flags else "No restart is wanted",
            advice="Restart the machine in the next window." if flags else "",
            evidence=[("started", ago(up)), *(("asked by", name) for name in dict.fromkeys(asked))],
            figures={"wanted": bool(flags), "up_s": up},
        )
    ]
