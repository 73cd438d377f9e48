"""Whether more wants to run than there are processors: load, tasks that are ready or blocked, and pressure."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.procfs import processor
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Run queue"
PARAMETERS = ()
READS = ("/proc/loadavg", "/proc/stat", "/proc/pressure/cpu", "/proc/*/stat")
SEVERITIES = {"serious": "load of the last 5 minutes is 4 a processor, or 8 tasks are blocked", "note": "2 a processor"}
FIGURES = {
    "load_per_processor": "mean of the last 5 minutes",
    "running": "tasks that run or are ready",
    "blocked": "tasks that wait for a disk or a network file system and cannot be interrupted",
    "waiting_percent": "part of the last minute in which some task waited; missing where it is not told",
}
_LEVELS = ((4.0, SERIOUS), (2.0, NOTE))
_BLOCKED_MAX = 8


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, blocked tasks as evidence: they count into the load without needing a processor."""
    words = (reader.text("/proc/loadavg") or "").split()
    told = processor(reader.text("/proc/stat") or "")
    if len(words) < 3 or "processors" not in told:  # noqa: PLR2004, three means
        return untold("The run queue", "the kernel does not tell it")
    load = float(words[1]) / told["processors"]
    blocked = [one for one in reader.processes() if one.state == "D"]
    figures = {"load_per_processor": load, "running": told.get("running", 0), "blocked": len(blocked)}
    pressure = reader.pressure("cpu").get("some", {}).get("avg60")
    if pressure is not None:
        figures["waiting_percent"] = pressure
    severity = max(graded(load, _LEVELS), SERIOUS if len(blocked) >= _BLOCKED_MAX else FINE)
    return [
        finding(
            severity,
            f"Load {words[0]} {words[1]} {words[2]} on {told['processors']} processors, "
            f"{figures['running']:.0f} ready, {len(blocked)} blocked",
            advice=("Tasks are blocked: look at disks and network file systems." if blocked else "See cpu_hogs.")
            if severity > FINE
            else "",
            evidence=[(f"{one.name} ({one.pid})", "blocked") for one in blocked],
            figures=figures,
        )
    ]
