"""Samples of one device as five-minute figures: means of gauges, rates of counters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sereno_server.prediction.columns import Counts, Floats

SLOT_MS = 300_000

Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Slots:
    """A column a slot. at: epoch seconds of each slot's end; values: a row a series, NaN where nothing was measured.

    resets: how many counters went backwards in each slot.
    """

    series: list[int]
    at: Floats
    values: Floats
    resets: Counts


def into_slots(
    columns: Mapping[int, tuple[Int64, Floats]], counters: frozenset[int], start_ms: int, end_ms: int
) -> Slots:
    """The figures of the whole slots in [start_ms, end_ms). What is older serves counters as their last reading."""
    first, last = start_ms // SLOT_MS, end_ms // SLOT_MS
    count = max(last - first, 0)
    series = sorted(columns)
    values = np.full((len(series), count), np.nan)
    resets = np.zeros(count, np.int32)
    for row, name in enumerate(series):
        times, figures = columns[name]
        good = np.isfinite(figures)
        times, figures = times[good], figures[good]
        weights = np.ones(len(times))
        if name in counters:
            rise, took = np.diff(figures), np.diff(times) / 1000.0
            times = times[1:]
            back = (rise < 0) & (times // SLOT_MS >= first) & (times // SLOT_MS < last)
            resets += np.bincount(times[back] // SLOT_MS - first, minlength=count).astype(np.int32)[:count]
            going = (rise >= 0) & (took > 0)
            times, figures, weights = times[going], rise[going], took[going]
        place = times // SLOT_MS - first
        inside = (place >= 0) & (place < count)
        total = np.bincount(place[inside], figures[inside], minlength=count)
        weight = np.bincount(place[inside], weights[inside], minlength=count)
        values[row] = np.divide(total, weight, out=np.full(count, np.nan), where=weight > 0)
    ends: Floats = (first + 1 + np.arange(count)).astype(float) * (SLOT_MS / 1000.0)
    return Slots(series, ends, values, resets)
