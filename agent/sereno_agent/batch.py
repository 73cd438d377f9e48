"""Samples become matrices: what was read at one step is a row, rows of the same series lie under each other."""

import math
import sys
from array import array
from collections.abc import Iterable
from typing import Final

from sereno_agent.reading import Sample
from sereno_agent.series import Series
from sereno_proto.limits import BATCH_SERIES_MAX, BATCH_STEPS_MAX, BATCH_VALUES_MAX
from sereno_proto.v1.link_pb2 import SampleBatch, SampleMatrix

_VALUES_MAX: Final = BATCH_VALUES_MAX // 2  # a batch is given out before it can pass the limit


class _Rows:
    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values = array("d")


class Batcher:
    """Gathers rows until `take()`."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._matrices: dict[tuple[int, ...], _Rows] = {}
        self._values = 0
        self.unnamed = 0  # samples lost because their series has no id

    def add(self, step_ms: int, samples: Iterable[Sample]) -> list[str]:
        """Adds one step; gives the names of series whose value is not finite, which are left out."""
        ids: list[int] = []
        values: list[float] = []
        refused: list[str] = []
        for name, labels, kind, value in samples:
            if not math.isfinite(value):
                refused.append(name)
                continue
            series_id = self._series.id(name, labels, kind)
            if series_id:
                ids.append(series_id)
                values.append(value)
            else:
                self.unnamed += 1
        for start in range(0, len(ids), BATCH_SERIES_MAX):
            key = tuple(ids[start : start + BATCH_SERIES_MAX])
            rows = self._matrices.get(key)
            if rows is None:
                rows = self._matrices[key] = _Rows()
            rows.times.append(step_ms)
            rows.values.extend(values[start : start + BATCH_SERIES_MAX])
            self._values += len(key)
        return refused

    @property
    def due(self) -> bool:
        """Whether no more should be added before it is taken."""
        return self._values > _VALUES_MAX or any(
            len(rows.times) >= BATCH_STEPS_MAX // 2 for rows in self._matrices.values()
        )

    def take(self) -> SampleBatch | None:
        """Everything gathered, as one message; None when there is nothing."""
        if not self._matrices:
            return None
        batch = SampleBatch()
        for key, rows in self._matrices.items():
            if sys.byteorder == "big":
                rows.values.byteswap()
            batch.matrices.append(SampleMatrix(series=key, time_ms=rows.times, values=rows.values.tobytes()))
        self._matrices = {}
        self._values = 0
        return batch
