"""When does a bounded resource run out? A streaming answer for many series at once.

One idea: the evidence for a fill is the share of the free room that a climb has used up beyond anything the series has
done before. Room and gain are compared with each other only, so neither unit, offset nor sampling step matters. A
series is looked at in three ways: as it is (sudden fills), and by its floor over a day and over a week (slow growth
under a nightly or weekly pattern).
"""

from dataclasses import dataclass

import numpy as np

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows
from sereno_server.prediction.views import DAY_S, FLOOR, RAW, Sight, View

LATER = 1.5  # an announced time is put off only when the time left has become this many times longer
SOONER = 1.2  # and brought forward when it has become this many times shorter
INTERVAL = 0.6, 1.5  # shares of the time left that hold 80 % of the fills, measured on generated fills
EVEN, UNEVEN_MAX = 0.5, 16.0  # octaves between slowest and fastest pace: as measured, and at most
LATE_SLACK, LATE_CARRIED = 0.7, 0.3  # the end comes later than thought when little is left of a long climb
SMOOTH_LATER, SMOOTH_SOONER = 0.25, 0.1  # shares of the time left over which its estimates are averaged
STEP_MEMORY = 0.1  # weight of the newest distance between samples


@dataclass(frozen=True)
class Answer:
    """One entry a row asked for.

    open: something fills it. full_at, low, high: epoch seconds, median and 80 % interval, NaN = no time known.
    onset: when the growth began. growth, growth_low, growth_high: value units a second. confidence: 0 to 1.
    """

    open: Flags
    full_at: Floats
    low: Floats
    high: Floats
    onset: Floats
    growth: Floats
    growth_low: Floats
    growth_high: Floats
    confidence: Floats


class Exhaustion(Columns):
    """The state of `size` series, one row each."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.views = [View(size, RAW), View(size, FLOOR, DAY_S), View(size, FLOOR, 7 * DAY_S)]
        self.first_at = self.floats("first_at", np.nan)
        self.last_at = self.floats("last_at", np.nan)
        self.ahead = self.floats("ahead", 0.0)  # how far a series' clock is moved on because its timestamps went back
        self.step_s = self.small("step_s", np.nan)
        self.open = self.flags("open")
        self.expected_at = self.floats("expected_at", np.nan)
        self.full_at = self.floats("full_at", np.nan)
        self.low = self.floats("low", np.nan)
        self.high = self.floats("high", np.nan)
        self.onset = self.floats("onset", np.nan)
        self.growth = self.small("growth", 0.0)
        self.growth_low = self.small("growth_low", 0.0)
        self.growth_high = self.small("growth_high", 0.0)
        self.confidence = self.small("confidence", 0.0)

    def parts(self) -> list[Columns]:
        """Everything that holds state."""
        return [self, *(part for view in self.views for part in view.parts())]

    def observe(self, rows: Rows, at: Floats, value: Floats, capacity: Floats) -> Answer:
        """Takes one sample for each of the rows (each named once): epoch seconds, value and capacity in one unit.

        What is not finite changes nothing. A timestamp that repeats or goes back counts as the next step.
        """
        good = np.isfinite(value) & np.isfinite(capacity) & np.isfinite(at)
        if not good.all():
            self._observe(rows[good], at[good], value[good], capacity[good])
        else:
            self._observe(rows, at, value, capacity)
        return self.answer(rows)

    def answer(self, rows: Rows) -> Answer:
        """What was last said of these rows."""
        ahead = self.ahead[rows]
        return Answer(
            open=self.open[rows],
            full_at=self.full_at[rows] - ahead,
            low=self.low[rows] - ahead,
            high=self.high[rows] - ahead,
            onset=self.onset[rows] - ahead,
            growth=self.growth[rows].astype(float),
            growth_low=self.growth_low[rows].astype(float),
            growth_high=self.growth_high[rows].astype(float),
            confidence=self.confidence[rows].astype(float),
        )

    def _observe(self, rows: Rows, at: Floats, value: Floats, capacity: Floats) -> None:
        since = np.nan_to_num(self.last_at[rows])
        at = self._own_clock(rows, at)
        age_s = at - self.first_at[rows]
        sights = [
            view.look(rows, at, value, capacity, age_s, self.views[:place]) for place, view in enumerate(self.views)
        ]
        is_open = np.logical_or.reduce([sight.open for sight in sights])
        self.open[rows] = is_open
        left = self._left(sights)
        self._announce(rows, at, since, left, (value >= capacity) & is_open)
        self.growth[rows] = self.growth_low[rows] = self.growth_high[rows] = 0.0
        self.confidence[rows] = 0.0
        self.onset[rows[~is_open]] = np.nan
        for sight in reversed(sights):  # the series as it is has the last word on pace and onset
            self._describe(rows, sight)
        self._bound(rows, at)

    @staticmethod
    def _left(sights: list[Sight]) -> Floats:
        """Time left: what the series as it is says, the floors say, or the middle of both (in ratio)."""
        raw, floor = sights[0].left_s, np.minimum(sights[1].left_s, sights[2].left_s)
        both = np.isfinite(raw) & np.isfinite(floor)
        left = np.minimum(raw, floor)
        left[both] = np.sqrt(raw[both] * floor[both])
        return left

    def _announce(self, rows: Rows, at: Floats, since: Floats, left: Floats, full: Flags) -> None:
        """Moves the announced time only for a good reason; what is full stays announced while it is."""
        left = self._smoothed(rows, at, since, left)
        old = self.full_at[rows]
        announced = np.nan_to_num(old - at, nan=-1.0)
        keep = (announced > 0) & (left < announced * LATER) & (left > announced / SOONER)
        keep |= full & np.isfinite(old)
        known = np.isfinite(left)
        new = np.where(known, at + np.where(known, left, 0.0), np.nan)
        self.full_at[rows] = np.where(keep, old, np.where(full, at, new))

    def _smoothed(self, rows: Rows, at: Floats, since: Floats, left: Floats) -> Floats:
        """The time left, averaged over a share of itself, so that the noise of single samples does not show."""
        before, passed = self.expected_at[rows], at - since
        known = np.isfinite(left)
        estimate = np.where(known, at + np.where(known, left, 0.0), np.nan)
        both = known & np.isfinite(before)
        share = np.where(estimate < before, SMOOTH_SOONER, SMOOTH_LATER)
        span = share * np.maximum(np.minimum(np.nan_to_num(before) - at, np.where(known, left, 0.0)), 0.0)
        weight = 1.0 - np.exp(-np.divide(passed, span, out=np.full(len(rows), np.inf), where=both & (span > 0)))
        expected = np.where(both, np.nan_to_num(before) + weight * (estimate - np.nan_to_num(before)), estimate)
        self.expected_at[rows] = expected
        return np.where(known, np.maximum(expected - at, 0.0), left)

    def _describe(self, rows: Rows, sight: Sight) -> None:
        named = rows[sight.at]
        moving = sight.pace.rate > 0
        self.growth[named[moving]] = sight.pace.rate[moving]
        self.growth_low[named[moving]] = sight.pace.slowest[moving]
        self.growth_high[named[moving]] = sight.pace.fastest[moving]
        self.onset[named] = sight.pace.onset
        self.confidence[named] = np.maximum(self.confidence[named], sight.share[sight.at])

    def _bound(self, rows: Rows, at: Floats) -> None:
        """The 80 % interval: wider where the pace was uneven, and close to the end, where noise decides."""
        full_at, slow, fast = self.full_at[rows], self.growth_low[rows], self.growth_high[rows]
        ahead = np.maximum(full_at - at, 0.0)
        uneven = np.log2(np.divide(fast, slow, out=np.full(len(rows), UNEVEN_MAX), where=slow > 0))
        power = np.clip(1.0 + (uneven - EVEN) / 1.5, 1.0, 2.5)
        carried = ahead / np.maximum(at - self.onset[rows], 1e-9)
        late = 1.0 + LATE_SLACK * np.clip(1.0 - carried / LATE_CARRIED, 0.0, 1.0)
        self.low[rows] = at + ahead * INTERVAL[0] ** power
        self.high[rows] = at + ahead * INTERVAL[1] ** power * late
        gone = np.isnan(full_at)
        self.low[rows[gone]] = self.high[rows[gone]] = np.nan

    def _own_clock(self, rows: Rows, at: Floats) -> Floats:
        last = self.last_at[rows]
        first = np.isnan(last)
        self.first_at[rows] = np.where(first, at, self.first_at[rows])
        own = at + self.ahead[rows]
        step = self.step_s[rows]
        back = own <= last
        moved = np.where(back, last + np.nan_to_num(step), own)
        self.ahead[rows] += moved - own
        passed = moved - last
        self.step_s[rows] = np.where(np.isnan(step), passed, step + STEP_MEMORY * np.nan_to_num(passed - step))
        self.last_at[rows] = moved
        return moved
