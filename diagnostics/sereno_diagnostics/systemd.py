"""What `systemctl show` tells of units. Pure: text in, figures out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

PROPERTIES: Final = (
    "Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,MemoryCurrent,TasksCurrent,CPUUsageNSec,"
    "ActiveEnterTimestamp,ExecMainStatus,Unit,LastTriggerUSec"
)
NEEDS: Final = "Id,LoadState,ActiveState,Requires,Requisite,BindsTo,Wants,After,TriggeredBy"
SHOW: Final = ("systemctl", "show", "--no-pager", "--property", PROPERTIES)
_UNSET: Final = 1 << 63  # systemd writes 2^64 - 1 where it does not know

Unit = Mapping[str, str]


def parse(text: str) -> list[Unit]:
    """The properties of each unit; units are set apart by an empty line."""
    blocks = ((line.partition("=") for line in block.splitlines()) for block in text.split("\n\n"))
    units: list[Unit] = [{key: value for key, found, value in pairs if found} for pairs in blocks]
    return [unit for unit in units if unit]


def number(unit: Unit, key: str) -> int | None:
    """A whole number; None where systemd does not know it."""
    value = unit.get(key, "")
    return int(value) if value.isdigit() and int(value) < _UNSET else None


def moment(text: str) -> float | None:
    """Epoch seconds of `Sat 2026-11-21 06:00:01 UTC`, as it is written where TZ=UTC; None for n/a and the like."""
    words = text.split()
    if len(words) != 4 or words[3] != "UTC":  # noqa: PLR2004, day, date, time, zone
        return None
    try:
        return datetime.fromisoformat(f"{words[1]} {words[2]}+00:00").timestamp()
    except ValueError:
        return None
