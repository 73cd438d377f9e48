"""Health of disks as they tell it themselves (SMART, NVMe), by `smartctl`, which needs root.

`disk_healthy` is the disk's own verdict. `disk_smart_raw` are the five attributes that foretell a failure. A disk that
sleeps is not woken.
"""

import json
from typing import Any, Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 120.0
APART: Final = True
BEGIN_AFTER_S: Final = 60.0
DISKS_MAX: Final = 32
ATTRIBUTES: Final = {
    5: "reallocated_sectors",
    187: "uncorrectable_reported",
    188: "command_timeouts",
    197: "pending_sectors",
    198: "uncorrectable_offline",
}
_ASK_S: Final = 15.0


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for device in _object(host.ask("smartctl", "-j", "--scan", timeout_s=_ASK_S)).get("devices", [])[:DISKS_MAX]:
            # A type is needed for a disk behind a RAID controller (megaraid,3); `-d scsi`, as the scan says of every
            # SATA disk too, would hide what the disk itself tells.
            behind = "," in device["type"]
            disk = device["name"].removeprefix("/dev/") + (f"-{device['type']}" if behind else "")
            kind = ("-d", device["type"]) if behind else ()
            told = host.ask("smartctl", "-j", "-a", "-n", "standby", *kind, device["name"], timeout_s=_ASK_S)
            _write(reading, disk, _object(told))

    return collect


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(reading: Reading, disk: str, told: dict[str, Any]) -> None:
    label = ("disk", disk)

    def gauge(name: str, value: object, scale: float = 1.0) -> None:
        if isinstance(value, int | float):
            reading.gauge(name, value * scale, label)

    gauge("disk_healthy", told.get("smart_status", {}).get("passed"))
    gauge("disk_temperature_celsius", told.get("temperature", {}).get("current"))
    gauge("disk_power_on_hours", told.get("power_on_time", {}).get("hours"))
    for row in told.get("ata_smart_attributes", {}).get("table", []):
        if row.get("id") in ATTRIBUTES:
            raw = row.get("raw", {}).get("value", 0)
            # Seagate counts three things in one number: what matters is in the lowest 16 bits.
            value = raw & 0xFFFF if row["id"] == 188 else raw  # noqa: PLR2004
            reading.gauge("disk_smart_raw", value, ("attribute", ATTRIBUTES[row["id"]]), label)
    nvme = told.get("nvme_smart_health_information_log", {})
    gauge("disk_spare_ratio", nvme.get("available_spare"), 0.01)
    gauge("disk_media_errors", nvme.get("media_errors"))
    gauge("disk_critical_warning", nvme.get("critical_warning"))
    wear = nvme.get("percentage_used", told.get("endurance_used", {}).get("current_percent"))
    if isinstance(wear, int | float):
        gauge("disk_wear_used_ratio", wear, 0.01)
        gauge("disk_wear_whole_ratio", 1)
