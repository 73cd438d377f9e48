"""What came of a forecast: hit, miss, prevented or withdrawn. Every forecast is marked once; nothing is left out.

hit        it was full while the forecast was open; the lead is the time from the forecast to that moment
prevented  a run on the device succeeded in between (counted apart: nobody knows what would have happened)
withdrawn  taken back before half of the time first announced had passed
miss       taken back later, or not full after twice the time first announced
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

FULL_SHARE: Final = 0.995  # of the capacity
TAKEN_BACK_SHARE: Final = 0.5
OVERDUE_SHARE: Final = 2.0
TOLD_MIN: Final = 4  # outcomes before precision mutes anything
PRECISION_MIN: Final = 0.25


@dataclass(frozen=True)
class Outcome:
    """What came of it. lead_s: only of a hit."""

    outcome: str
    at: datetime
    why: str
    lead_s: float | None = None


def while_open(made_at: datetime, first_full_at: datetime | None, share: float, now: datetime) -> Outcome | None:
    """The outcome of a forecast that is still open and unmarked; share: value / capacity."""
    if share >= FULL_SHARE:
        return Outcome("hit", now, "it was full", (now - made_at).total_seconds())
    if first_full_at is not None and passed_share(made_at, first_full_at, now) >= OVERDUE_SHARE:
        return Outcome("miss", now, "not full after twice the time announced")
    return None


def at_close(made_at: datetime, first_full_at: datetime | None, run_name: str | None, now: datetime) -> Outcome:
    """The outcome of an unmarked forecast that closes; run_name: the run that succeeded meanwhile, if any."""
    if run_name is not None:
        return Outcome("prevented", now, f"{run_name} succeeded")
    if first_full_at is not None and passed_share(made_at, first_full_at, now) > TAKEN_BACK_SHARE:
        return Outcome("miss", now, "the growth ended by itself")
    return Outcome("withdrawn", now, "the growth ended by itself soon after")


def passed_share(made_at: datetime, first_full_at: datetime, now: datetime) -> float:
    """How much of the time first announced has passed; 1 = the announced moment."""
    announced_s = (first_full_at - made_at).total_seconds()
    return (now - made_at).total_seconds() / max(announced_s, 1.0)


@dataclass(frozen=True)
class Record:
    """How often a predictor was right about one thing. precision: None while nothing counts yet."""

    hit: int
    miss: int
    prevented: int
    withdrawn: int

    @property
    def precision(self) -> float | None:
        told = self.hit + self.miss
        return self.hit / told if told else None

    @property
    def muted(self) -> bool:
        """Wrong too often to be believed on this series."""
        told = self.hit + self.miss
        return told >= TOLD_MIN and self.hit < PRECISION_MIN * told


def record(outcomes: Iterable[str]) -> Record:
    """Counts outcomes of one predictor, device or series."""
    names = list(outcomes)
    return Record(*(names.count(name) for name in ("hit", "miss", "prevented", "withdrawn")))
