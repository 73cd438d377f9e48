"""What disks say of their own health (SMART, NVMe). smartctl needs root; without it, the check says so."""

from sereno_diagnostics import smart
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Disk health"
PARAMETERS = ()
READS = ("smart_disks", "smart_disk", "smart_behind")
TIMEOUT_S = 55.0
SEVERITIES = {
    "failing": "a disk says itself that it fails",
    "serious": "sectors wait to be moved or could not be corrected, or hardly any spare is left",
    "note": "sectors were moved, 90 % of the life is used, or 60 °C is reached",
}
FIGURES = {
    "disks": "how many answered",
    "failing": "how many say that they fail",
    "bad_sectors": "moved, waiting and uncorrectable sectors of all",
    "hottest_celsius": "temperature of the hottest; missing when none tells it",
}
DISKS_MAX = 3  # of those that are slow to answer: the rest is in the collected figures
_HOT_CELSIUS, _WORN, _SPARE = 60, 0.9, 0.1
_BAD = ("reallocated_sectors", "pending_sectors", "uncorrectable_offline", "uncorrectable_reported")


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a disk a row."""
    disks = smart.scan(reader.told("smart_disks"))
    told = {disk.label: _ask(reader, disk) for disk in disks[:DISKS_MAX]}
    reader.truncated |= len(disks) > DISKS_MAX
    healths = {name: health for name, health in told.items() if health.known}
    if not healths:
        return untold("Health of disks", "smartctl is not installed, may not open them (root), or they tell nothing")
    name, health = max(healths.items(), key=lambda one: _severity(one[1]))
    severity = _severity(health)
    figures: dict[str, float] = {
        "disks": len(healths),
        "failing": sum(one.passed is False for one in healths.values()),
        "bad_sectors": sum(one.attributes.get(bad, 0) for one in healths.values() for bad in _BAD),
    }
    if hot := [one.celsius for one in healths.values() if one.celsius is not None]:
        figures["hottest_celsius"] = max(hot)
    return [
        finding(
            severity,
            f"{name}: {_words(health)}" if severity > FINE else f"{counted(len(healths), 'disk')} healthy",
            advice="Back up now and replace the disk." if severity >= SERIOUS else "",
            evidence=[(disk, _words(one)) for disk, one in healths.items()],
            figures=figures,
        )
    ]


def _ask(reader: Reader, disk: smart.Disk) -> smart.Health:
    if disk.behind:
        return smart.health(reader.told("smart_behind", kind=disk.kind, device=disk.device))
    return smart.health(reader.told("smart_disk", device=disk.device))


def _severity(health: smart.Health) -> Severity.ValueType:
    if health.passed is False or health.critical:
        return FAILING
    waiting = health.attributes.get("pending_sectors", 0) + health.attributes.get("uncorrectable_offline", 0)
    if waiting or health.media_errors or (health.spare is not None and health.spare <= _SPARE):
        return SERIOUS
    worn = health.worn is not None and health.worn >= _WORN
    hot = health.celsius is not None and health.celsius >= _HOT_CELSIUS
    return NOTE if worn or hot or any(health.attributes.get(bad) for bad in _BAD) else FINE


def _words(health: smart.Health) -> str:
    parts = {True: ["says it is healthy"], False: ["SAYS THAT IT FAILS"]}.get(bool(health.passed), [])
    parts = [] if health.passed is None else list(parts)
    parts += [f"{value:.0f} {name.replace('_', ' ')}" for name, value in health.attributes.items() if value]
    if health.media_errors:
        parts.append(f"{health.media_errors:.0f} media errors")
    if health.worn is not None:
        parts.append(f"{100 * health.worn:.0f} % of its life used")
    if health.celsius is not None:
        parts.append(f"{health.celsius:.0f} °C")
    if health.hours is not None:
        parts.append(f"{health.hours:.0f} h on")
    return ", ".join(parts) or "tells nothing"
