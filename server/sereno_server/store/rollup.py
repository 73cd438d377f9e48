"""What is kept of samples for long: of each stretch of 5 minutes or an hour the lowest, mean, highest and number.

Pure functions over arrays. Levels keep their lowest and highest exactly, so that no spike is ever lost. Counters are
rolled up as rates, resets understood: what they grew by a second between samples, at the end of each interval. A mean
of rates and the mean of a level are kept to a fraction of a percent, which is what makes them small.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from sereno_server.store.blocks import Float64, Int64, Matrix, decode, encode
from sereno_server.store.rates import rate

FIVE_MINUTES_MS = 300_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
STEPS_MS = (FIVE_MINUTES_MS, HOUR_MS)
RATE_BITS = 11  # of a rate's lowest and highest: within 0.05 %
MEAN_BITS = 8  # of the mean's distance from the lowest: within 0.4 % of that distance
COUNTS = 0  # the id of a payload's column of how many samples are in each stretch ...
PLANES = 4  # ... and of series n, whose ids begin at 1: 4n + 1 the lowest, 4n + 2 the mean, 4n + 3 the highest

Columns = dict[int, tuple[Int64, Float64]]


@dataclass(frozen=True)
class Stretches:
    """One series over time. All arrays are of the same length n.

    times: when each stretch begins, milliseconds, rising; counts: how many samples, or rates, are in it.
    """

    times: Int64
    lowest: Float64
    mean: Float64
    highest: Float64
    counts: Int64

    def rolled(self, series: int) -> "Rolled":
        """The same, under a series' id."""
        three = (self.lowest[None, :], self.mean[None, :], self.highest[None, :])
        return Rolled((series,), self.times, self.counts, *three)


@dataclass(frozen=True)
class Rolled:
    """Stretches of several series that were measured together.

    times, counts: (n,); lowest, mean, highest: (series, n).
    """

    series: tuple[int, ...]
    times: Int64
    counts: Int64
    lowest: Float64
    mean: Float64
    highest: Float64


def roll(columns: Columns, counters: AbstractSet[int], step_ms: int, start_ms: int, end_ms: int) -> list[Rolled]:
    """Rolls up the samples of start_ms <= time < end_ms; the hour before serves the first rate of a counter."""
    groups: dict[tuple[bool, int], list[int]] = {}
    for series, (times, _) in columns.items():
        groups.setdefault((series in counters, id(times)), []).append(series)
    rolled = []
    for (counts_up, _), members in groups.items():
        times = columns[members[0]][0]
        first, last = np.searchsorted(times, (start_ms - HOUR_MS, end_ms)).tolist()
        times, values = times[first:last], np.stack([columns[series][1][first:last] for series in members])
        if counts_up:
            with np.errstate(over="ignore", invalid="ignore"):
                times, values = rate(times, values)
            values = np.nan_to_num(values)
        first, last = np.searchsorted(times, (start_ms, end_ms)).tolist()
        if first < last:
            times, values = times[first:last], values[:, first:last]
            ones = np.ones(times.size, np.int64)
            part = _joined(tuple(members), times, ones, (values, values, values), step_ms)
            rolled.append(_shortened(part) if counts_up else part)
    return rolled


def coarser(parts: Iterable[Rolled], step_ms: int) -> list[Rolled]:
    """The same in wider stretches; parts of the same series become one, in order of time.

    Stretches of the same time are joined; the caller sees to it that none is given twice.
    """
    groups: dict[tuple[int, ...], list[Rolled]] = {}
    for part in parts:
        groups.setdefault(part.series, []).append(part)
    joined = []
    for series, group in groups.items():
        times, counts = (np.concatenate([getattr(part, name) for part in group]) for name in ("times", "counts"))
        three = [
            np.concatenate([getattr(part, name) for part in group], axis=1) for name in ("lowest", "mean", "highest")
        ]
        if np.any(times[1:] < times[:-1]):
            order = np.argsort(times, kind="stable")
            times, counts, three = times[order], counts[order], [values[:, order] for values in three]
        joined.append(_joined(series, times, counts, (three[0], three[1], three[2]), step_ms))
    return joined


def by_series(parts: Iterable[Rolled], step_ms: int) -> dict[int, Stretches]:
    """Each series on its own, in wider stretches where its parts are finer."""
    found: dict[int, list[Rolled]] = {}
    for part in coarser(parts, step_ms):
        for series, one in _alone(part):
            found.setdefault(series, []).append(one)
    return {
        series: _stretches(ones[0] if len(ones) == 1 else coarser(ones, step_ms)[0]) for series, ones in found.items()
    }


def pack(parts: Sequence[Rolled]) -> bytes:
    """The payload of a row: of each part the counts, the lowest, the means and the highest as columns of one matrix."""
    matrices = []
    for part in parts:
        ids = (COUNTS, *(PLANES * series + plane for plane in range(1, PLANES) for series in part.series))
        columns = np.concatenate([part.counts.astype(np.float64)[None, :], *_planes(part)])
        matrices.append(Matrix(ids, part.times, columns.T))
    return encode(matrices)


def unpack(payload: bytes, wanted: AbstractSet[int] | None = None) -> list[Rolled]:
    """The parts of a payload, of the wanted series or (None) of all. Raises ValueError when it is damaged."""
    ids = None if wanted is None else {PLANES * series + plane for series in wanted for plane in range(1, PLANES)}
    parts = []
    for matrix in decode(payload, None if ids is None else ids | {COUNTS}):
        count = (len(matrix.series) - 1) // (PLANES - 1)
        if count <= 0:
            continue
        if matrix.series[0] != COUNTS or len(matrix.series) != 1 + (PLANES - 1) * count:
            raise ValueError("not a rollup")
        columns = matrix.values.T
        lowest, share, highest = (columns[first : first + count] for first in range(1, 1 + 3 * count, count))
        series = tuple(one // PLANES for one in matrix.series[1 : 1 + count])
        mean = _between(lowest, highest, share)
        parts.append(Rolled(series, matrix.times, columns[0].astype(np.int64), lowest, mean, highest))
    return parts


def _joined(
    series: tuple[int, ...], times: Int64, counts: Int64, three: tuple[Float64, Float64, Float64], step_ms: int
) -> Rolled:
    starts = times // step_ms * step_ms
    edges = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    lowest, highest = np.minimum.reduceat(three[0], edges, axis=1), np.maximum.reduceat(three[2], edges, axis=1)
    together = np.add.reduceat(counts, edges)
    weights = counts / np.repeat(
        together, np.diff(np.append(edges, times.size))
    )  # before the sum, so that none overflows
    mean = np.add.reduceat(three[1] * weights, edges, axis=1)
    return Rolled(series, starts[edges], together, lowest, np.clip(mean, lowest, highest), highest)


def _alone(part: Rolled) -> Iterator[tuple[int, Rolled]]:
    for n, series in enumerate(part.series):
        rows = slice(n, n + 1)
        yield (
            series,
            Rolled((series,), part.times, part.counts, part.lowest[rows], part.mean[rows], part.highest[rows]),
        )


def _stretches(one: Rolled) -> Stretches:
    return Stretches(one.times, one.lowest[0], one.mean[0], one.highest[0], one.counts)


def _planes(part: Rolled) -> tuple[Float64, Float64, Float64]:
    """Lowest, how far the mean lies from it to the highest (0 to 1), highest. Halves, so that nothing overflows."""
    width = part.highest / 2 - part.lowest / 2
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        share = np.where(width > 0, (part.mean / 2 - part.lowest / 2) / width, 0.0)
    return part.lowest, _to_bits(np.clip(np.nan_to_num(share), 0.0, 1.0), MEAN_BITS), part.highest


def _between(lowest: Float64, highest: Float64, share: Float64) -> Float64:
    return np.clip(lowest * (1.0 - share) + highest * share, lowest, highest)


def _shortened(part: Rolled) -> Rolled:
    lowest, mean, highest = (_to_bits(values, RATE_BITS) for values in (part.lowest, part.mean, part.highest))
    return Rolled(part.series, part.times, part.counts, lowest, mean, highest)


def _to_bits(values: Float64, bits: int) -> Float64:
    """The nearest numbers of so many binary digits."""
    mantissa, exponent = np.frexp(values)
    with np.errstate(over="ignore"):
        return np.asarray(np.nan_to_num(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)), np.float64)
