"""How long the machine took to start, and which units took longest."""

import re

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Slow start"
PARAMETERS = ()
READS = ("/run/systemd/*", "startup", "startup_units")
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "5 minutes or longer", "note": "a unit took a minute or longer"}
FIGURES = {
    "start_s": "from the kernel's start to the last unit; missing while it still starts",
    "slowest_s": "the slowest unit",
}
UNITS_SHOWN = 12
_LEVELS, _SLOW_S = ((300.0, SERIOUS),), 60.0


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the slowest units as evidence."""
    if not reader.has_systemd():
        return untold("The start", "systemd does not run here")
    units = [
        (_seconds(found[1]), found[2])
        for line in (reader.told("startup_units") or "").splitlines()
        if (found := re.fullmatch(r"\s*((?:[\d.]+(?:h|min|ms|us|s) ?)+)\s+(\S+)", line))
    ]
    whole = re.search(r"= ([^\n]+)", reader.told("startup") or "")
    if not units and whole is None:
        return untold("The start", "systemd has not finished starting, or did not answer")
    units.sort(reverse=True)
    slowest = units[0] if units else (0.0, "")
    figures = {"slowest_s": slowest[0]}
    if whole:
        figures["start_s"] = _seconds(whole[1].strip())
    severity = max(graded(figures.get("start_s", 0.0), _LEVELS), NOTE if slowest[0] >= _SLOW_S else FINE)
    start = f"The start took {figures['start_s']:.0f} s; " if whole else ""
    return [
        finding(
            severity,
            f"{start}{slowest[1]} was slowest with {slowest[0]:.1f} s",
            advice="See what the slowest waits for: often a network or a disk that is not there."
            if severity > FINE
            else "",
            evidence=[(name, f"{seconds:.1f} s") for seconds, name in units[:UNITS_SHOWN]],
            figures=figures,
        )
    ]


def _seconds(text: str) -> float:
    """`1min 2.5s` as 62.5."""
    scales = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
    return sum(float(number) * scales[unit] for number, unit in re.findall(r"([\d.]+)(h|min|ms|us|s)\b", text))
