"""What smartctl tells of a disk (SMART, NVMe). Pure: its JSON in, figures out."""

import json
from typing import Any, Final, NamedTuple

ATTRIBUTES: Final = {
    5: "reallocated_sectors",
    187: "uncorrectable_reported",
    188: "command_timeouts",
    197: "pending_sectors",
    198: "uncorrectable_offline",
}
_TIMEOUTS: Final = 188


class Disk(NamedTuple):
    """A disk to ask. behind: it lies behind a RAID controller, and `kind` (megaraid,3) is needed to reach it."""

    device: str
    kind: str
    behind: bool

    @property
    def label(self) -> str:
        """The name under which people know it."""
        return self.device.removeprefix("/dev/") + (f"-{self.kind}" if self.behind else "")


class Health(NamedTuple):
    """What one disk says. worn and spare are shares of one; None and missing where it does not tell."""

    passed: bool | None
    celsius: float | None
    hours: float | None
    attributes: dict[str, float]
    spare: float | None
    media_errors: float | None
    critical: float | None
    worn: float | None
    spare_least: float | None  # below it the disk itself calls its spare used up

    @property
    def known(self) -> bool:
        """Whether it said anything."""
        return any(value is not None and value != {} for value in self)


def scan(text: str | None) -> list[Disk]:
    """`smartctl -j --scan`. `-d scsi`, as it says of every SATA disk too, would hide what the disk itself tells."""
    devices = _object(text).get("devices", [])
    return [Disk(one["name"], one["type"], "," in one["type"]) for one in devices]


def health(text: str | None) -> Health:
    """`smartctl -j -a`."""
    told = _object(text)
    attributes = {}
    for row in told.get("ata_smart_attributes", {}).get("table", []):
        if row.get("id") in ATTRIBUTES:
            raw = row.get("raw", {}).get("value", 0)
            # Seagate counts three things in one number: what matters is in the lowest 16 bits.
            attributes[ATTRIBUTES[row["id"]]] = raw & 0xFFFF if row["id"] == _TIMEOUTS else raw
    nvme = told.get("nvme_smart_health_information_log", {})
    wear = nvme.get("percentage_used", told.get("endurance_used", {}).get("current_percent"))
    return Health(
        told.get("smart_status", {}).get("passed"),
        _number(told.get("temperature", {}).get("current")),
        _number(told.get("power_on_time", {}).get("hours")),
        attributes,
        _number(nvme.get("available_spare"), 0.01),
        _number(nvme.get("media_errors")),
        _number(nvme.get("critical_warning")),
        _number(wear, 0.01),
        _number(nvme.get("available_spare_threshold"), 0.01),
    )


def _number(value: object, scale: float = 1.0) -> float | None:
    return value * scale if isinstance(value, int | float) else None


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
