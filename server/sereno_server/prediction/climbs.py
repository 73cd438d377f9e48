"""Climbs: how far each of many series has risen since it was last let go, and how that compares with its past.

A climb starts at a trough and ends at a release: a fall of more than `release` of what was gained. Ended climbs leave a
record (the largest gain so far) and a high mark (the highest peak that was followed by a release). Nothing here knows
the size of a value or the sampling step: only ratios of gains, falls and durations are compared.
"""

from dataclasses import dataclass

import numpy as np

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows

POINTS = 16  # points of a climb that are kept; when full, every other one goes and the spacing doubles
JUMP_FACTOR = 2.0  # a single rise this many times faster than the rest of the climb is a step, not growth
KNEE_SHARE = 0.6  # the bend where growth began lies before this share of the gain
RECENT_SHARE = 0.35  # the last part of a climb that tells whether it still goes on
STALL_SHARE = 0.3  # it has stalled when that part is slower than this share of the whole
NEWEST_SHARE = 0.125  # the very last part, which tells first that a copy has ended


@dataclass(frozen=True)
class Pace:
    """How fast each series climbs. Rates in value units a second.

    onset: when this growth began, the climb's knee; before: the rate from trough to knee, a one-off step left out;
    newest: the rate of its very last part.
    """

    rate: Floats
    slowest: Floats
    fastest: Floats
    onset: Floats
    before: Floats
    newest: Floats
    stalled: Flags


class Climbs(Columns):
    """The climbs of `size` series."""

    def __init__(self, size: int, release: float, *, has_top: bool) -> None:
        super().__init__(size)
        self.release = release
        self.trough = self.floats("trough", np.inf)
        self.trough_at = self.floats("trough_at", 0.0)
        self.high = self.floats("high", -np.inf)
        self.last = self.floats("last", np.nan)
        self.last_at = self.floats("last_at", 0.0)
        self.gained = self.small("gained", 0.0)  # from trough to peak
        self.record = self.small("record", 0.0)
        self.jump = self.small("jump", 0.0)
        self.jump_s = self.small("jump_s", 0.0)
        self.spacing = self.small("spacing", 0.0)
        self.samples = self.counts("samples")
        self.points = self.codes("points")
        self.point_at = self.small("point_at", 0.0, POINTS)  # points count from the trough, in time and value
        self.point_value = self.small("point_value", 0.0, POINTS)
        self.point_top = self.small("point_top", 0.0, POINTS) if has_top else None

    def observe(self, rows: Rows, at: Floats, value: Floats, top: Floats | None = None) -> None:
        """Takes one sample for each of the rows (each named once).

        `top` is the upper envelope that belongs to the value where the climbs are those of a floor.
        """
        trough, gained = self.trough[rows], self.gained[rows]
        known = np.isfinite(trough)
        peak = np.where(known, trough, 0.0) + gained
        fresh = ~known | (peak - value > self.release * gained) | (value <= trough)
        ended = fresh & (gained > 0)
        self.record[rows[ended]] = np.maximum(self.record[rows[ended]], gained[ended])
        self.high[rows[ended]] = np.maximum(self.high[rows[ended]], peak[ended])
        self._restart(rows[fresh], at[fresh], value[fresh])
        self._go_on(rows[~fresh], at[~fresh], value[~fresh])
        self.last[rows], self.last_at[rows] = value, at
        self._keep_point(rows, at, value, top)

    def _restart(self, rows: Rows, at: Floats, value: Floats) -> None:
        self.trough[rows], self.trough_at[rows] = value, at
        self.gained[rows] = self.jump[rows] = self.jump_s[rows] = self.spacing[rows] = 0.0
        self.samples[rows] = self.points[rows] = 0

    def _go_on(self, rows: Rows, at: Floats, value: Floats) -> None:
        rise = value - self.last[rows]
        larger = rise > self.jump[rows]
        steepest = rows[larger]
        self.jump_s[steepest] = (at - self.last_at[rows])[larger]
        self.jump[steepest] = rise[larger]
        self.gained[rows] = np.maximum(self.gained[rows], value - self.trough[rows])
        self.samples[rows] += 1

    def _keep_point(self, rows: Rows, at: Floats, value: Floats, top: Floats | None) -> None:
        count = self.points[rows]
        passed = (at - self.trough_at[rows]).astype(np.float32)
        wanted = (count == 0) | (passed - self.point_at[rows, np.maximum(count - 1, 0)] >= self.spacing[rows])
        rows = rows[wanted]
        self._thin(rows[self.points[rows] == POINTS])
        count = self.points[rows]
        self.point_at[rows, count] = passed[wanted]
        self.point_value[rows, count] = value[wanted] - self.trough[rows]
        if self.point_top is not None:
            assert top is not None
            self.point_top[rows, count] = top[wanted] - self.trough[rows]
        self.points[rows] = count + 1

    def _thin(self, rows: Rows) -> None:
        if not len(rows):
            return
        half = POINTS // 2
        for points in (self.point_at, self.point_value, self.point_top):
            if points is not None:
                points[rows, :half] = points[rows, ::2]
        self.points[rows] = half
        self.spacing[rows] = (self.point_at[rows, half - 1] - self.point_at[rows, 0]) / (half - 1)

    def step(self, rows: Rows) -> Floats:
        """The part of the climb that came as one step: what its steepest rise has beyond the climb's own pace."""
        gained, jump, jump_s = self.last[rows] - self.trough[rows], self.jump[rows], self.jump_s[rows]
        rest_s = np.maximum(self.last_at[rows] - self.trough_at[rows] - jump_s, 0.0)
        usual = np.divide(np.maximum(gained - jump, 0.0) * jump_s, rest_s, out=np.zeros(len(rows)), where=rest_s > 0)
        return np.maximum(jump - JUMP_FACTOR * usual, 0.0)

    def reach(self, rows: Rows, capacity: Floats, margin: float, share: float) -> Floats:
        """The level up to which a climb is nothing new.

        That is `margin` times the record above the trough, but no more than `share` of the room above the high mark.
        """
        trough, high = self.trough[rows], self.high[rows]
        marked = np.isfinite(high)
        mark = np.where(marked, high, 0.0)
        by_mark = np.where(marked, mark + share * np.maximum(capacity - mark, 0.0), np.inf)
        by_record = trough + margin * self.record[rows]
        level: Floats = np.maximum(np.minimum(by_record, by_mark), trough)
        return level

    def pace(self, rows: Rows, room: Floats, top: Floats | None = None) -> Pace:
        """The rate over the stretch in which as much was gained as there is room left, or else since the climb's knee.

        A series is trusted to go on for about as long as it took to come the same way; so the stretch shortens as the
        room does. Where value and top differ, the one that gained less counts.
        """
        trough, trough_at = self.trough[rows], self.trough_at[rows]
        at, value = self.point_at[rows].astype(float), self.point_value[rows].astype(float)
        now, last = (_rounded(of[rows] - start) for of, start in ((self.last_at, trough_at), (self.last, trough)))
        passed = now[:, None] - at
        known = (np.arange(POINTS) < self.points[rows][:, None]) & (passed > 0)
        gain = last[:, None] - value
        if self.point_top is not None:
            assert top is not None
            gain = np.minimum(gain, _rounded(top - trough)[:, None] - self.point_top[rows])
        slope = np.divide(gain, passed, out=np.full(gain.shape, np.nan), where=known)
        knee = _knee(at, value, now, last, known, gain)
        pick = np.arange(len(rows))
        enough = known & (gain >= room[:, None])
        start = np.where(enough.any(axis=1), _last_true(enough), knee)
        span = passed[pick, start][:, None]
        rate = np.maximum(np.nan_to_num(slope[pick, start]), 0.0)
        calm_s = at[pick, knee]
        crept = np.maximum(value[pick, knee] - self.step(rows), 0.0)
        before = np.divide(crept, calm_s, out=np.zeros(len(rows)), where=calm_s > 0)
        recent = np.nan_to_num(slope[pick, _last_true(known & (passed >= RECENT_SHARE * span))])
        newest = np.nan_to_num(slope[pick, _last_true(known & (passed >= NEWEST_SHARE * span))])
        inside = known & (passed <= span) & (passed >= RECENT_SHARE * span)
        slowest = np.maximum(np.min(slope, axis=1, where=inside, initial=np.inf), 0.0)
        fastest = np.maximum(np.max(slope, axis=1, where=inside, initial=-np.inf), rate)
        onset = trough_at + calm_s
        return Pace(rate, np.minimum(slowest, rate), fastest, onset, before, newest, recent < STALL_SHARE * rate)


def _knee(at: Floats, value: Floats, now: Floats, last: Floats, known: Flags, gain: Floats) -> Rows:  # noqa: PLR0917
    """The kept point deepest below the line from trough to now, among those with most of the gain ahead."""
    chord = np.divide(last, now, out=np.zeros(len(now)), where=now > 0)
    below = value[:, :1] + chord[:, None] * (at - at[:, :1]) - value
    deepest: Rows = np.argmax(np.where(known & (gain >= KNEE_SHARE * last[:, None]), below, -np.inf), axis=1)
    return deepest


def _rounded(figures: Floats) -> Floats:
    """As the points are kept, so that the newest point is no time and no gain away from itself."""
    return figures.astype(np.float32).astype(float)


def _last_true(flags: Flags) -> Rows:
    """Position of the last true column in each row (the last column where none is)."""
    last: Rows = flags.shape[1] - 1 - np.argmax(flags[:, ::-1], axis=1)
    return last
