"""Software RAID (md): how many disks each array wants and has, whether it is degraded, and how far a repair is."""

import re
from typing import Final, NamedTuple

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
_ARRAY: Final = re.compile(r"^(md\S*) : (active|inactive)(.*)$", re.MULTILINE)
_DISKS: Final = re.compile(r"\[(\d+)/(\d+)\] \[[U_]+\]")
_SYNC: Final = re.compile(r"(?:recovery|resync|reshape|check) *= *([\d.]+)%")


class Array(NamedTuple):
    """One array. wanted, working: disks; None for levels without redundancy. synced: 0..1 while it is repaired."""

    active: bool
    failed: int
    spare: int
    wanted: int | None
    working: int | None
    synced: float | None


def parse(text: str) -> dict[str, Array]:
    """/proc/mdstat."""
    found = {}
    heads = list(_ARRAY.finditer(text))
    ends = [*(head.start() for head in heads), len(text)][1:]
    for head, end in zip(heads, ends, strict=False):
        body = text[head.end() : end]
        disks, sync = _DISKS.search(body), _SYNC.search(body)
        found[head[1]] = Array(
            active=head[2] == "active",
            failed=head[3].count("(F)"),
            spare=head[3].count("(S)"),
            wanted=int(disks[1]) if disks else None,
            working=int(disks[2]) if disks else None,
            synced=float(sync[1]) / 100 if sync else None,
        )
    return found


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
                reading.gauge("raid_degraded", array.working < array.wanted, label)
            if array.synced is not None:
                reading.gauge("raid_synced_ratio", array.synced, label)

    return collect
