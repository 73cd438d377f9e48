"""Whether memory is short: what is left, how long tasks wait for it, what the kernel killed, and who takes most."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, bytes_text, counted, finding
from sereno_diagnostics.machine import Program
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Memory pressure"
PARAMETERS = ()
READS = (
    "/proc/meminfo",
    "/proc/vmstat",
    "/proc/pressure/memory",
    "/proc/*/stat",
)
SEVERITIES = {
    "failing": "97 % used, or nothing went on for 10 % of the last minute",
    "serious": "90 % used, or tasks waited for 20 % of the last minute",
    "note": "80 % used, half of the swap used, or something was killed",
}
FIGURES = {
    "used_percent": "memory that could not be given to a new process",
    "available_bytes": "memory that could",
    "swap_used_percent": "swap in use; missing without swap",
    "some_percent": "part of the last minute in which some task waited for memory; missing where it is not told",
    "full_percent": "part of the last minute in which all tasks waited",
    "oom_kills": "processes killed for want of memory since the machine started",
    "largest_bytes": "resident memory of the program that takes most",
}

PROGRAMS_SHOWN = 8
# from which figure on, worst first; full pressure is time in which nothing went on at all
_LEVELS = (
    (FAILING, {"used_percent": 97.0, "full_percent": 10.0}),
    (SERIOUS, {"used_percent": 90.0, "full_percent": 2.0, "some_percent": 20.0}),
    (NOTE, {"used_percent": 80.0, "some_percent": 5.0, "swap_used_percent": 50.0, "oom_kills": 1.0}),
)


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the programs that take most as evidence."""
    memory = reader.memory()
    total, available = memory.get("MemTotal", 0), memory.get("MemAvailable")
    if not total or available is None:
        return [finding(NOTE, "Memory cannot be measured", evidence=[("why", "the kernel does not tell it")])]
    figures = {"used_percent": 100 * (1 - available / total), "available_bytes": float(available)}
    if memory.get("SwapTotal"):
        figures["swap_used_percent"] = 100 * (1 - memory.get("SwapFree", 0) / memory["SwapTotal"])
    for kind, told in reader.pressure("memory").items():
        figures[f"{kind}_percent"] = told.get("avg60", 0.0)
    if "oom_kill" in memory:
        figures["oom_kills"] = memory["oom_kill"]
    programs = reader.programs()[:PROGRAMS_SHOWN]
    if programs:
        figures["largest_bytes"] = programs[0].resident_bytes
    severity = _severity(figures)
    return [
        finding(
            severity,
            _title(figures, total),
            advice="Find out whether what takes most has grown, and since when." if severity >= SERIOUS else "",
            evidence=[(program.name, _row(program)) for program in programs],
            figures=figures,
        )
    ]


def _severity(figures: dict[str, float]) -> Severity.ValueType:
    reached = (
        severity
        for severity, levels in _LEVELS
        if any(figures.get(figure, 0.0) >= level for figure, level in levels.items())
    )
    return next(reached, FINE)


def _title(figures: dict[str, float], total: int) -> str:
    title = (
        f"{figures['used_percent']:.0f} % of {bytes_text(total)} memory is used, "
        f"{bytes_text(figures['available_bytes'])} are left"
    )
    if figures.get("some_percent", 0.0) >= 1:
        title += f"; tasks waited for it {figures['some_percent']:.0f} % of the last minute"
    if figures.get("oom_kills"):
        title += f"; {counted(int(figures['oom_kills']), 'kill')} for want of memory since the start"
    return title


def _row(program: Program) -> str:
    size = bytes_text(program.resident_bytes)
    return size if program.processes == 1 else f"{size} in {program.processes} processes"
