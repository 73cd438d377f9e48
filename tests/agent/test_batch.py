"""Batches: rows of the same series lie under each other, only finite values leave."""

import math
import struct
from pathlib import Path

from sereno_agent.batch import Batcher
from sereno_agent.reading import Reading
from sereno_agent.series import Series


def reading(**values: float) -> list:
    made = Reading()
    for name, value in values.items():
        made.gauge(name, value)
    return made.samples


def test_steps_of_the_same_series_are_rows_of_one_matrix(tmp_path: Path) -> None:
    batcher = Batcher(Series(tmp_path / "series"))
    assert batcher.take() is None
    batcher.add(1000, reading(a=1.0, b=2.0))
    batcher.add(2000, reading(a=3.0, b=4.0))
    batcher.add(3000, reading(b=5.0))
    first, second = batcher.take().matrices
    assert list(first.series) == [1, 2]
    assert list(first.time_ms) == [1000, 2000]
    assert struct.unpack("<4d", first.values) == (1.0, 2.0, 3.0, 4.0)
    assert (list(second.series), list(second.time_ms)) == ([2], [3000])
    assert batcher.take() is None


def test_what_is_not_finite_is_left_out_and_named(tmp_path: Path) -> None:
    batcher = Batcher(Series(tmp_path / "series"))
    assert batcher.add(1, reading(a=math.nan, b=math.inf, c=1.0)) == ["a", "b"]
    (matrix,) = batcher.take().matrices
    assert struct.unpack("<d", matrix.values) == (1.0,)


def test_too_many_series_are_counted_not_sent(tmp_path: Path) -> None:
    batcher = Batcher(Series(tmp_path / "series", series_max=2))
    batcher.add(1, reading(a=1.0, b=1.0, c=1.0))
    assert batcher.unnamed == 1
    (matrix,) = batcher.take().matrices
    assert list(matrix.series) == [1, 2]


def test_a_batch_says_when_it_must_be_taken(tmp_path: Path) -> None:
    batcher = Batcher(Series(tmp_path / "series"))
    for step in range(511):
        batcher.add(step, reading(a=1.0))
    assert not batcher.due
    batcher.add(511, reading(a=1.0))
    assert batcher.due
