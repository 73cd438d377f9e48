"""Does a device differ from its siblings? One comparison of all series of all devices, a slot at a time.

The level of a series is the median of its last four slots of five minutes. It is compared with the median of its
siblings' levels at the same moment; the distance is counted in spreads of the siblings. What all of them do together (a
backup night, a roll-out, a busy morning) moves the median too and is no difference. A device that was always different
has a record of its own distance, and differs only when it goes clearly beyond that. Where many of a device's siblings
differ as well, the group is not one, and nothing is said.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows
from sereno_server.prediction.likeness import SIBLINGS_MIN

RECENT: Final = 4  # slots whose median is the level
FAR: Final = 6.0  # spreads of the siblings
RECORD_MARGIN: Final = 1.5  # and so many times the farthest that the device was before
RECORD_FADE: Final = 0.5 ** (1 / (14 * 288))  # a slot; half of the record is gone after two weeks
LASTS_SLOTS: Final = 12  # a difference has to last an hour
LEARN_SLOTS: Final = 3 * 288  # of a series, before anything is said of it: how it is from the first is its own way
NEAR_SHARE: Final = 0.5  # of the bar: a difference that began is over below it
RELATIVE: Final = 0.1  # of the level, the least that counts as a spread: full agreement is no yardstick
FAR_MAX: Final = 100.0
SPLIT_SHARE: Final = 0.25  # of the siblings that differ too: the group is not one
STALE_SLOTS: Final = 3  # what a sibling measured longer ago does not count
NEVER: Final = -(1 << 30)

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Difference:
    """A series of a device that differs. since: slot number; distance: in spreads of the siblings."""

    row: int
    since: int
    value: float
    usual: float
    distance: float
    siblings: int


class Siblings(Columns):
    """The state of `size` series, one row each."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.base = self.floats("base", np.nan)
        self.recent = self.small("recent", np.nan, RECENT)
        self.slot = self.counts("slot", NEVER)
        self.seen = self.counts("seen")  # comparisons
        self.record = self.small("record", 0.0)
        self.since = self.counts("since", NEVER)

    def observe(self, rows: Rows, slot: Ids, value: Floats) -> None:
        """Takes one slot of each of the rows (each named once). What is not finite changes nothing."""
        good = np.isfinite(value)
        rows, slot, value = rows[good], slot[good], value[good]
        self.base[rows] = np.where(np.isnan(self.base[rows]), value, self.base[rows])
        self.recent[rows, 1:] = self.recent[rows, :-1]
        self.recent[rows, 0] = value - self.base[rows]
        self.slot[rows] = slot

    def restarted(self, rows: Rows) -> None:
        """Starts the last slots of these rows anew: what a device does while it starts is like no sibling."""
        self.recent[rows] = np.nan
        self.since[rows] = NEVER

    def compare(self, rows: Rows, others: Ids, slot: int, quiet: Flags) -> list[Difference]:
        """The rows that differ from others (a row each, -1 = none; the same series of the siblings).

        quiet: rows of which nothing may be said now, and from which nothing is learned.
        """
        level = self._levels(rows, slot)
        known = others >= 0
        theirs = np.where(known, self._levels(np.where(known, others, 0).ravel(), slot).reshape(others.shape), np.nan)
        count = np.isfinite(theirs).sum(axis=1)
        fit = np.isfinite(level) & (count >= SIBLINGS_MIN) & ~quiet
        rows, level, theirs, others, count = rows[fit], level[fit], theirs[fit], others[fit], count[fit]
        if not len(rows):
            return []
        self.seen[rows] += 1
        usual = np.nanmedian(theirs, axis=1)
        distance = _distance(level, theirs, usual)
        over = self._over(rows, distance, slot)
        differs = np.zeros(self.size, bool)
        differs[rows[over]] = True
        split = (differs[np.where(others >= 0, others, 0)] & (others >= 0)).sum(axis=1) > SPLIT_SHARE * count
        said = over & ~split & (slot - self.since[rows] >= LASTS_SLOTS) & (self.seen[rows] >= LEARN_SLOTS)
        return [
            Difference(
                int(rows[place]),
                int(self.since[rows[place]]),
                float(level[place]),
                float(usual[place]),
                float(distance[place]),
                int(count[place]),
            )
            for place in np.nonzero(said)[0]
        ]

    def _levels(self, rows: Rows, slot: int) -> Floats:
        recent = self.recent[rows]
        missing = np.isnan(recent).sum(axis=1)
        ordered = np.sort(recent, axis=1)  # NaN last
        place = np.arange(len(rows))
        have = np.maximum(RECENT - missing, 1)
        middle = (ordered[place, (have - 1) // 2].astype(float) + ordered[place, have // 2]) / 2
        fresh = (slot - self.slot[rows] <= STALE_SLOTS) & (missing <= RECENT // 2)
        level: Floats = np.where(fresh, self.base[rows] + middle, np.nan)
        return level

    def _over(self, rows: Rows, distance: Floats, slot: int) -> Flags:
        """Which rows are beyond the bar, since when; the others teach the record."""
        was = self.since[rows] != NEVER
        bar = np.maximum(FAR, RECORD_MARGIN * self.record[rows].astype(float))
        over = distance >= np.where(was, NEAR_SHARE, 1.0) * bar
        self.since[rows[over & ~was]] = slot
        self.since[rows[was & ~over]] = NEVER
        learns = ~over | (self.seen[rows] < LEARN_SLOTS)
        self.record[rows] *= RECORD_FADE
        named = rows[learns]
        self.record[named] = np.maximum(self.record[named], distance[learns])
        self.since[named] = NEVER
        return over & ~learns


def _distance(level: Floats, theirs: Floats, usual: Floats) -> Floats:
    """How far the level is from the siblings' median, in their spreads (1.4826 median absolute deviations)."""
    spread = 1.4826 * np.nanmedian(np.abs(theirs - usual[:, None]), axis=1)
    size = np.maximum(np.abs(usual), np.minimum(np.abs(level), np.nanmax(np.abs(theirs), axis=1)))
    off = np.abs(level - usual)
    spread = np.maximum(spread, RELATIVE * size)
    far = np.divide(off, spread, out=np.where(off > 0, FAR_MAX, 0.0), where=spread > 0)
    least: Floats = np.minimum(far, FAR_MAX)
    return least
