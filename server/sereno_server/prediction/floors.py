"""Floor and ceiling of many series over one natural cycle (a day, a week), so that what the cycle does drops out."""

import numpy as np

from sereno_server.prediction.columns import Columns, Flags, Floats, Rows

PARTS = 8  # a cycle is watched in this many parts
NEVER = -(1 << 30)


class Floors(Columns):
    """Sliding minimum and maximum over one cycle for `size` series; they move once a part."""

    def __init__(self, size: int, cycle_s: float) -> None:
        super().__init__(size)
        self.part_s = cycle_s / PARTS
        self.base = self.floats("base", np.nan)  # the first value, from which the others are counted
        self.low = self.small("low", np.inf, PARTS + 1)
        self.high = self.small("high", -np.inf, PARTS + 1)
        self.part = self.counts("part", NEVER)
        self.first_at = self.floats("first_at", np.nan)
        self.floor = self.floats("floor", np.inf)

    def observe(self, rows: Rows, at: Floats, value: Floats) -> Flags:
        """Takes one sample a row; says where a part has just ended and the floor of a whole cycle is known."""
        self.first_at[rows] = np.where(np.isnan(self.first_at[rows]), at, self.first_at[rows])
        self.base[rows] = np.where(np.isnan(self.base[rows]), value, self.base[rows])
        part = np.floor((at - self.first_at[rows]) / self.part_s).astype(np.int64)
        passed = np.minimum(part - self.part[rows], PARTS + 1)
        due = (passed > 0) & (part >= PARTS)
        ended = rows[due]
        self.floor[ended] = self.base[ended] + self.low[ended, :PARTS].min(
            axis=1
        )  # whole parts only, as they were before this sample
        for count in range(1, int(passed.max(initial=0)) + 1):
            moved = rows[passed >= count]
            self.low[moved, 1:] = self.low[moved, :-1]
            self.high[moved, 1:] = self.high[moved, :-1]
            self.low[moved, 0], self.high[moved, 0] = np.inf, -np.inf
        self.part[rows] = np.maximum(part, self.part[rows])
        off = (value - self.base[rows]).astype(np.float32)
        self.low[rows, 0] = np.minimum(self.low[rows, 0], off)
        self.high[rows, 0] = np.maximum(self.high[rows, 0], off)
        flags: Flags = due & np.isfinite(self.floor[rows])
        return flags

    def ceiling(self, rows: Rows) -> Floats:
        """The highest value of the last cycle, this moment included."""
        top: Floats = self.base[rows] + self.high[rows].max(axis=1)
        return top

    def ceiling_age_s(self, rows: Rows, at: Floats) -> Floats:
        """How long ago the ceiling was touched, to within half a part."""
        behind = np.argmax(self.high[rows], axis=1)
        touched = self.first_at[rows] + (self.part[rows] - behind + 0.5) * self.part_s
        return np.where(behind == 0, 0.0, np.maximum(at - touched, 0.0))
