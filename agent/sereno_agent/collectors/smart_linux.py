"""Health of disks as they tell it themselves (SMART, NVMe), by `smartctl`, which needs root.

`disk_healthy` is the disk's own verdict. `disk_smart_raw` are the five attributes that foretell a failure. A disk that
sleeps is not woken.
"""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import smart

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 120.0
APART: Final = True
BEGIN_AFTER_S: Final = 60.0
DISKS_MAX: Final = 32
_ASK_S: Final = 15.0


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for disk in smart.scan(host.ask("smartctl", "-j", "--scan", timeout_s=_ASK_S))[:DISKS_MAX]:
            kind = ("-d", disk.kind) if disk.behind else ()
            told = host.ask("smartctl", "-j", "-a", "-n", "standby", *kind, disk.device, timeout_s=_ASK_S)
            _write(reading, disk.label, smart.health(told))

    return collect


def _write(reading: Reading, disk: str, told: smart.Health) -> None:
    label = ("disk", disk)
    for name, value in (
        ("disk_healthy", told.passed),
        ("disk_temperature_celsius", told.celsius),
        ("disk_power_on_hours", told.hours),
        ("disk_spare_ratio", told.spare),
        ("disk_spare_threshold_ratio", told.spare_least),
        ("disk_media_errors", told.media_errors),
        ("disk_critical_warning", told.critical),
        ("disk_wear_used_ratio", told.worn),
    ):
        if value is not None:
            reading.gauge(name, value, label)
    for attribute, count in told.attributes.items():
        reading.gauge("disk_smart_raw", count, ("attribute", attribute), label)
    if told.worn is not None:
        reading.gauge("disk_wear_whole_ratio", 1, label)
