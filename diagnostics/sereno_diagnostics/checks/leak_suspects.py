"""Programs whose memory grows while one watches, and those that have grown largest: resident memory, taken twice."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, bytes_text, finding, untold
from sereno_diagnostics.machine import Program
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.sampling import twice
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Leak suspects"
PARAMETERS = (Parameter("seconds", "number", "how long to watch", default="10", minimum=1, maximum=30),)
READS = ("/proc/*/stat", "/proc/meminfo", "/proc/vmstat")
TIMEOUT_S = 45.0
SEVERITIES = {
    "serious": "a program grows so fast that memory would be gone within an hour",
    "note": "one grows steadily, or takes half of the memory",
}
FIGURES = {
    "growth_bytes_per_s": "of the program that grows fastest; 0 when none does",
    "largest_percent": "part of the memory that the largest program takes",
}
PROGRAMS_SHOWN = 8
_GROWS_BYTES_PER_S = 20_000
_HOUR_S = 3600


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. Growth within seconds is a hint; the server's history decides whether it is a leak."""
    memory = reader.memory()
    total, available = memory.get("MemTotal", 0), memory.get("MemAvailable", 0)
    before, after, elapsed = twice(reader, reader.programs, float(values["seconds"]))
    if not total or not after:
        return untold("Memory of programs", "the kernel does not tell it")
    sizes = {program.name: program for program in before}
    growth = {
        program.name: (program.resident_bytes - sizes[program.name].resident_bytes) / elapsed
        for program in after
        if program.name in sizes and sizes[program.name].processes == program.processes
    }
    fastest = max(after, key=lambda program: growth.get(program.name, 0.0))
    speed = max(growth.get(fastest.name, 0.0), 0.0)
    share = after[0].resident_bytes / total
    grows = speed >= _GROWS_BYTES_PER_S
    severity = (
        SERIOUS if grows and available / speed < _HOUR_S else NOTE if grows or share >= 0.5 else FINE  # noqa: PLR2004
    )
    largest = f"{after[0].name} takes most memory, {bytes_text(after[0].resident_bytes)}"
    return [
        finding(
            severity,
            f"{fastest.name} grows by {bytes_text(speed)}/s; {largest}" if grows else largest,
            advice="Watch its memory over hours; restart it before it takes all, and tell who makes it."
            if severity > FINE
            else "",
            evidence=[(program.name, _row(program, growth.get(program.name))) for program in after[:PROGRAMS_SHOWN]],
            figures={"growth_bytes_per_s": speed, "largest_percent": 100 * share},
        )
    ]


def _row(program: Program, speed: float | None) -> str:
    size = f"{bytes_text(program.resident_bytes)} in {program.processes}"
    return size if not speed else f"{size}, {'+' if speed > 0 else ''}{bytes_text(speed)}/s"
