"""/proc/mdstat: how many disks each software RAID wants and has. Pure: text in, figures out."""

import re
from typing import Final, NamedTuple

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

    @property
    def degraded(self) -> bool:
        """Whether a disk is missing."""
        return self.wanted is not None and self.working is not None and self.working < self.wanted


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
