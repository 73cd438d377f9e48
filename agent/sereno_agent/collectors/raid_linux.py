"""Software RAID (md): how many disks each array wants and has, whether it is degraded, and how far a repair is."""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics.raid import parse

INTERVAL_MS: Final = 60_000


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for name, array in parse(host.read("/proc/mdstat") or "").items():
            label = ("array", name)
            reading.gauge("raid_active", array.active, label)
            reading.gauge("raid_disks_failed", array.failed, label)
            reading.gauge("raid_disks_spare", array.spare, label)
            if array.wanted is not None and array.working is not None:
                reading.gauge("raid_disks_wanted", array.wanted, label)
                reading.gauge("raid_disks_working", array.working, label)
                reading.gauge("raid_degraded", array.degraded, label)
            if array.synced is not None:
                reading.gauge("raid_synced_ratio", array.synced, label)

    return collect
