"""Whether software RAID (md) has all its disks, and how far a repair is."""

from sereno_diagnostics import raid
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "RAID"
PARAMETERS = ()
READS = ("/proc/mdstat",)
SEVERITIES = {
    "failing": "an array is inactive, or has lost all its redundancy",
    "serious": "a disk is missing",
    "note": "an array is being repaired or checked",
}
FIGURES = {
    "arrays": "how many there are",
    "degraded": "how many lack a disk",
    "disks_failed": "disks marked as failed",
    "synced_percent": "how far the slowest repair is; missing when none goes on",
}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, an array a row."""
    text = reader.text("/proc/mdstat")
    if text is None:
        return untold("RAID", "this kernel has no software RAID")
    arrays = raid.parse(text)
    if not arrays:
        return [finding(FINE, "There is no software RAID", figures={"arrays": 0, "degraded": 0, "disks_failed": 0})]
    figures: dict[str, float] = {
        "arrays": len(arrays),
        "degraded": sum(array.degraded for array in arrays.values()),
        "disks_failed": sum(array.failed for array in arrays.values()),
    }
    synced = [array.synced for array in arrays.values() if array.synced is not None]
    if synced:
        figures["synced_percent"] = 100 * min(synced)
    worst = max(arrays.items(), key=lambda one: _severity(one[1]))
    severity = _severity(worst[1])
    whole = f"{counted(len(arrays), 'array')} whole"
    return [
        finding(
            severity,
            f"{worst[0]}: {_words(worst[1])}" if severity > FINE else whole,
            advice="Replace the failed disk, and see that backups are fresh first." if severity >= SERIOUS else "",
            evidence=[(name, _words(array)) for name, array in arrays.items()],
            figures=figures,
        )
    ]


def _severity(array: raid.Array) -> Severity.ValueType:
    if not array.active or (array.degraded and (array.working or 0) <= 1):
        return FAILING
    if array.degraded or array.failed:
        return SERIOUS
    return NOTE if array.synced is not None else FINE


def _words(array: raid.Array) -> str:
    parts = ["active" if array.active else "inactive"]
    if array.wanted is not None:
        parts.append(f"{array.working} of {array.wanted} disks work")
    if array.failed:
        parts.append(f"{array.failed} failed")
    if array.spare:
        parts.append(f"{array.spare} spare")
    if array.synced is not None:
        parts.append(f"{100 * array.synced:.0f} % synchronised")
    return ", ".join(parts)
