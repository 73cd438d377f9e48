"""Is a value unlike the series' own past? A streaming score for many series at once; no look-ahead, no training.

Level and change of every sample are compared with their own exponentially weighted mean and spread. What is unlike them
is taken into the past more slowly, so that an anomaly does not teach the detector that it is normal.
"""

from typing import Final

import numpy as np

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows

ALARM_SCORE: Final = 0.9  # the one frozen threshold
MEMORY: Final = 1 / 300  # weight of a sample in the long run
WARM_UP: Final = 150  # samples before the first score
CLIP: Final = 4.0  # spreads beyond which a sample counts as no farther when it is learned
FLOOR_SHARE: Final = 1e-3  # a spread is never taken smaller than this share of the range seen
HALF: Final = 12.0  # spreads at which the score is one half


class Anomaly(Columns):
    """The state of `size` series."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.seen = self.counts("seen")
        self.last = self.floats("last", np.nan)
        self.lowest = self.floats("lowest", np.inf)
        self.highest = self.floats("highest", -np.inf)
        self.mean = self.floats("mean", 0.0, 2)
        self.spread = self.floats("spread", 0.0, 2)
        self.score = self.floats("score", 0.0)

    def observe(self, rows: Rows, value: Floats) -> tuple[Floats, Flags]:
        """Takes one sample for each of the rows; gives the score in [0, 1] and the alarm. Not finite: as before."""
        good = np.isfinite(value)
        self._observe(rows[good], value[good])
        score = self.score[rows]
        return score, score >= ALARM_SCORE

    def _observe(self, rows: Rows, value: Floats) -> None:
        seen, last = self.seen[rows], self.last[rows]
        both = np.stack([value, np.where(np.isnan(last), 0.0, value - np.nan_to_num(last))], axis=1)
        span = np.maximum(self.highest[rows] - self.lowest[rows], 0.0)
        least = FLOOR_SHARE * np.where(np.isfinite(span), span, 0.0)[:, None]
        mean, spread = self.mean[rows], self.spread[rows]
        width = np.maximum(spread, least)
        off = both - mean
        far = np.divide(np.abs(off), width, out=np.zeros(off.shape), where=width > 0).max(axis=1)
        self.score[rows] = np.where(seen >= WARM_UP, far**2 / (far**2 + HALF**2), 0.0)
        weight = np.maximum(MEMORY, 1.0 / (seen + 1.0))[:, None]
        tame = np.where((seen < WARM_UP)[:, None], off, np.clip(off, -CLIP * width, CLIP * width))
        self.mean[rows] = mean + weight * tame
        self.spread[rows] = spread + weight * (1.25 * np.abs(tame) - spread)
        self.seen[rows], self.last[rows] = seen + 1, value
        self.lowest[rows] = np.minimum(self.lowest[rows], value)
        self.highest[rows] = np.maximum(self.highest[rows], value)
