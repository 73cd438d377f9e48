"""Is this unlike all that the series did before? A streaming score for many series; no look-ahead, no training.

Every sample is turned into a few departures: from the recent level, of the level from the usual level, of the slow
level from the very slow one, of the spread from the usual spread, from what is usual at this hour of the day, and of
the level from the nearest of those that are remembered. Each departure keeps a record, which fades slowly. What counts
is how far a departure goes beyond its own record, measured by the distance of that record from the departure's mean: a
series that often jumps has to jump farther.

All departures but the first look at the value within ten standard deviations of the series' centre. One sample far
outside is told by the first departure, and hides nothing that comes after it: it neither moves the levels for as long
as they remember nor sets a record that no later trouble can break.
"""

from typing import Final

import numpy as np

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows

ALARM_SCORE: Final = 0.5  # the one frozen threshold
BEYOND: Final = 0.1  # a record broken by this share of its distance from the mean scores one half
BEYOND_MAX: Final = 4.0
EVIDENCE_KEPT: Final = 0.75  # of what went beyond, from one sample to the next: a little that lasts adds up
REST: Final = 100  # samples after an alarm in which there is no other: one incident, not forty alarms
WARM_UP: Final = 100  # samples of a departure before it counts
YOUNG: Final = 1000.0  # samples after which a record has to be broken twice as far as later on
HALF_LIFE: Final = 8000  # samples in which a record fades by half towards the mean
SPANS: Final = np.array([12.0, 48.0, 200.0, 500.0])  # samples over which the levels are averaged
FAR: Final = 10.0  # standard deviations from the centre; what lies beyond counts as lying there
CENTRE_SPAN: Final = 2000.0  # samples over which centre and standard deviation are taken
SETTLED: Final = 50  # samples before a value is cut
SPREAD_SPANS: Final = np.array([24.0, 300.0])
USUAL_SPAN: Final = 500.0  # samples over which a departure's mean is taken
HOURS: Final = 24
HOUR_S: Final = 3600.0
HOUR_WEIGHT: Final = 0.3  # of a day's newest hour in what is usual at that hour
HOUR_SPAN: Final = 6.0  # samples over which the departure from the hour is averaged
MEMORY: Final = 32  # levels of the past that are remembered
REMEMBER_EVERY: Final = 60  # samples
DEPARTURES: Final = 7
NOTHING: Final = 1e-6  # a distance of this share of the record is rounding

_FADE: Final = 0.5 ** (1.0 / HALF_LIFE)


class Anomaly(Columns):
    """The state of `size` series, one row each."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.base = self.floats("base", np.nan)  # the first value, from which the others are counted
        self.centre = self.small("centre", 0.0)
        self.deviation = self.small("deviation", 0.0)
        self.slow_raw = self.small("slow_raw", 0.0)
        self.level = self.small("level", 0.0, len(SPANS))
        self.spread = self.small("spread", 0.0, len(SPREAD_SPANS))
        self.hourly = self.small("hourly", np.nan, HOURS)
        self.hour = self.codes("hour", -1)
        self.hour_sum = self.small("hour_sum", 0.0)
        self.hour_count = self.counts("hour_count")
        self.off_hour = self.small("off_hour", 0.0)
        self.seen = self.small("seen", 0.0, DEPARTURES)
        self.usual = self.small("usual", np.nan, DEPARTURES)
        self.record = self.small("record", -np.inf, DEPARTURES)
        self.memory = self.small("memory", np.inf, MEMORY)
        self.samples = self.counts("samples")
        self.evidence = self.small("evidence", 0.0)
        self.rest = self.codes("rest")

    def observe(self, rows: Rows, at: Floats, value: Floats) -> tuple[Floats, Flags]:
        """Takes one sample for each of the rows (epoch seconds, value); gives the score in [0, 1] and the alarm.

        Of a value that is not finite nothing is learned, and nothing is said.
        """
        fresh = np.minimum(self.measure(rows, at, value), BEYOND_MAX)
        evidence = fresh + self.evidence[rows] * EVIDENCE_KEPT
        self.evidence[rows] = evidence
        score = evidence / (evidence + BEYOND)
        resting = self.rest[rows] > 0
        high = score >= ALARM_SCORE
        score[high & resting] = 0.0
        self.rest[rows] = np.where(high & ~resting, REST - 1, np.maximum(self.rest[rows] - 1, 0))
        return score, score >= ALARM_SCORE

    def measure(self, rows: Rows, at: Floats, value: Floats) -> Floats:
        """Takes one sample for each of the rows; says how far the farthest departure goes beyond its own record."""
        beyond = np.zeros(len(rows))
        good = np.isfinite(value) & np.isfinite(at)
        if good.any():
            beyond[good] = self._beyond(rows[good], self._departures(rows[good], at[good], value[good]))
        return beyond

    def usual_level(self, rows: Rows) -> Floats:
        """The slow level, for people to compare a value with."""
        level: Floats = self.base[rows] + self.level[rows, 2]
        return level

    def _departures(self, rows: Rows, at: Floats, value: Floats) -> Floats:
        """One row a series: sudden, level, slow, slow and falling, spread, hour, memory (NaN = not known)."""
        self.base[rows] = np.where(np.isnan(self.base[rows]), value, self.base[rows])
        raw = value - self.base[rows]
        before = self.slow_raw[rows].astype(float)
        self.slow_raw[rows] = before + (raw - before) / SPANS[2]
        value = self._within_reach(rows, raw)
        old = self.level[rows].astype(float)
        level = old + (value[:, None] - old) / SPANS
        self.level[rows] = level
        off = np.abs(value - old[:, 0])
        spread = self.spread[rows].astype(float)
        spread += (off[:, None] - spread) / SPREAD_SPANS
        self.spread[rows] = spread
        slow = level[:, 1] - level[:, 3]
        found = [
            np.abs(raw - before),
            np.abs(level[:, 0] - level[:, 2]),
            np.abs(slow),
            -slow,
            spread[:, 0] - spread[:, 1],
            self._off_hour(rows, at, value),
            self._off_memory(rows, level[:, 0]),
        ]
        return np.stack(found, axis=1)

    def _within_reach(self, rows: Rows, value: Floats) -> Floats:
        """The value, cut at FAR standard deviations from the centre; both are learned from what is left."""
        count = self.samples[rows]
        centre, deviation = self.centre[rows].astype(float), self.deviation[rows].astype(float)
        far = FAR * deviation
        off = value - centre
        off = np.where((count >= SETTLED) & (far > 0), np.clip(off, -far, far), off)
        weight = np.maximum(1.0 / CENTRE_SPAN, 1.0 / (count + 1))
        self.centre[rows] = centre + off * weight
        self.deviation[rows] = np.sqrt(deviation**2 + (off**2 - deviation**2) * weight)
        within: Floats = centre + off
        return within

    def _off_hour(self, rows: Rows, at: Floats, value: Floats) -> Floats:
        """How far the last samples are from what is usual at this hour; learns an hour when the next one begins."""
        hour = (at % (HOURS * HOUR_S) // HOUR_S).astype(np.int64)
        before, count = self.hour[rows], self.hour_count[rows]
        turned = hour != before
        done = turned & (count > 0)
        ended, which = rows[done], before[done]
        mean, usual = self.hour_sum[ended] / count[done], self.hourly[ended, which]
        self.hourly[ended, which] = np.where(np.isnan(usual), mean, usual + HOUR_WEIGHT * (mean - usual))
        self.hour[rows] = hour
        self.hour_sum[rows] = np.where(turned, 0.0, self.hour_sum[rows]) + value
        self.hour_count[rows] = np.where(turned, 0, count) + 1
        off = value - self.hourly[rows, hour]
        known = ~np.isnan(off)
        self.off_hour[rows[known]] += (off[known] - self.off_hour[rows[known]]) / HOUR_SPAN
        return np.where(known, np.abs(self.off_hour[rows]), np.nan)

    def _off_memory(self, rows: Rows, level: Floats) -> Floats:
        """How far the level is from the nearest one that is remembered; remembers one of every few."""
        count = self.samples[rows]
        nearest = np.abs(self.memory[rows] - level[:, None]).min(axis=1)
        kept = count % REMEMBER_EVERY == 0
        self.memory[rows[kept], count[kept] // REMEMBER_EVERY % MEMORY] = level[kept]
        self.samples[rows] = count + 1
        return np.where(count > 3 * REMEMBER_EVERY, nearest, np.nan)

    def _beyond(self, rows: Rows, departure: Floats) -> Floats:
        """How far the farthest departure goes beyond its record, in distances of the record from the mean."""
        known = np.isfinite(departure)
        departure = np.where(known, departure, 0.0).astype(np.float32).astype(float)  # as the record is kept
        seen, record, mean = (column[rows].astype(float) for column in (self.seen, self.record, self.usual))
        usual = np.where(np.isnan(mean), departure, mean)
        first = np.isinf(record)
        kept = np.where(first, departure, record)
        distance = np.maximum(kept - usual, NOTHING * np.abs(kept))
        over = np.maximum(departure - kept, 0.0)
        ratio = np.divide(over, distance, out=np.where(over > 0, 1e9, 0.0), where=distance > 0)
        ratio[~known | first | (seen < WARM_UP)] = 0.0
        ratio /= 1.0 + YOUNG / np.maximum(seen, 1.0)  # records of a short past are broken by chance
        seen += known
        weight = np.maximum(1.0 / USUAL_SPAN, 1.0 / np.maximum(seen, 1.0))
        usual = np.where(known, usual + weight * (departure - usual), mean)
        faded = usual + (kept - usual) * _FADE
        self.record[rows] = np.where(known, np.maximum(faded, departure), record)
        self.seen[rows], self.usual[rows] = seen, usual
        farthest: Floats = np.minimum(ratio.max(axis=1), 1e9)
        return farthest
