"""Which file systems fill right now, and when they would be full at this rate: used space, taken twice."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, bytes_text, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.sampling import twice
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Growth of file systems"
PARAMETERS = (Parameter("seconds", "number", "how long to watch", default="5", minimum=1, maximum=30),)
READS = ("/proc/self/mounts", "space")
TIMEOUT_S = 45.0
SEVERITIES = {"failing": "full within an hour at this rate", "serious": "within a day", "note": "grows by 1 MB/s"}
FIGURES = {
    "growth_bytes_per_s": "of the one that grows fastest; 0 when none does",
    "full_in_s": "seconds until the first is full at this rate; missing when none grows",
}
_HOUR_S, _DAY_S = 3600, 86_400
_NOTED_BYTES_PER_S = 1_000_000


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, those that grow as evidence. A few seconds are no forecast: the server has that."""
    before, after, elapsed = twice(reader, reader.spaces, float(values["seconds"]))
    growth = {
        point: ((before[point][1].free_bytes - space.free_bytes) / elapsed, space.free_bytes)
        for point, (mount, space) in after.items()
        if point in before and mount.kind != "tmpfs"
    }
    if not growth:
        return untold("Growth", "no local file system may be asked")
    growing = sorted(
        ((free / speed, point, speed) for point, (speed, free) in growth.items() if speed > 0), key=lambda row: row[0]
    )
    if not growing:
        title = f"No file system grew within {elapsed:.0f} s"
        return [finding(FINE, title, figures={"growth_bytes_per_s": 0.0})]
    left, point, speed = growing[0]
    fastest = max(row[2] for row in growing)
    severity = _severity(left, fastest)
    return [
        finding(
            severity,
            f"{point} grows by {bytes_text(speed)}/s: full in {_duration(left)} if it goes on so",
            advice="Find the file that grows (largest_files) and the program behind it." if severity > FINE else "",
            evidence=[(at, f"{bytes_text(rate)}/s, full in {_duration(seconds)}") for seconds, at, rate in growing],
            figures={"growth_bytes_per_s": fastest, "full_in_s": left},
        )
    ]


def _severity(left_s: float, speed: float) -> Severity.ValueType:
    if speed < _NOTED_BYTES_PER_S / 100:
        return FINE  # a log line now and then
    if left_s < _HOUR_S:
        return FAILING
    return SERIOUS if left_s < _DAY_S else NOTE if speed >= _NOTED_BYTES_PER_S else FINE


def _duration(seconds: float) -> str:
    if seconds < _HOUR_S:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} d"
