"""The picture of any one series: its mean, and around it the lowest and highest of each stretch."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.words import Words
from sereno_server.store.blocks import Float64, Int64
from sereno_server.web import units
from sereno_server.web.chart import POINTS_MAX, Lettered, Window, marks, nice, nights, ticks

Drawn = list[float | None]
Stretches = tuple[Int64, Float64, Float64, Float64]  # times, lowest, mean, highest
LEVELS = 4


def series_chart(
    series: SeriesRow, found: Stretches, frame: Window, *, changes: Sequence[Lettered], words: Words
) -> dict[str, Any]:
    """The JSON that chart.js draws, without bound or forecast. Times are milliseconds."""
    times, lowest, mean, highest = found
    low, high = _extent(lowest, highest)
    at, lines = _with_gaps(times, (mean, lowest, highest))
    banded = bool(np.any(highest > lowest))
    return {
        **asdict(frame),
        "t": at,
        "v": lines[0],
        "v_low": lines[1] if banded else [],
        "v_high": lines[2] if banded else [],
        "forecast": [],
        "title": series.text,
        "low": low,
        "high": high,
        "capacity": 0,
        "capacity_label": "",
        "full_at": None,
        "full_label": "",
        "interval_label": "",
        "ticks": ticks(frame, words),
        "levels": _levels(series, low, high, words),
        "nights": nights(frame, words),
        "changes": marks(changes, frame),
        "sentence": sentence(series, found, frame, words),
    }


def sentence(series: SeriesRow, found: Stretches, frame: Window, words: Words) -> str:
    """What the picture shows, for those who do not see it."""
    times, lowest, mean, highest = found
    if not times.size:
        return words.say("{what}: no samples in this range.", what=series.text)
    return words.say(
        "{what}: {last} at {clock}, between {low} and {high} in this range.",
        what=series.text,
        last=units.amount(series, float(mean[-1]), words),
        clock=words.clock(_moment(int(times[-1])), _moment(frame.now)),
        low=units.amount(series, float(lowest.min()), words),
        high=units.amount(series, float(highest.max()), words),
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def stretches(times: Int64, values: Float64, points: int = POINTS_MAX) -> Stretches:
    """At most so many stretches: the time each begins, and its lowest, mean and highest value."""
    if times.size <= points:
        return times, values, values, values
    edges = np.linspace(0, times.size, points + 1).astype(np.int64)
    starts = edges[:-1]
    mean = np.add.reduceat(values, starts) / np.diff(edges)
    return times[starts], np.minimum.reduceat(values, starts), mean, np.maximum.reduceat(values, starts)


def _with_gaps(times: Int64, columns: Sequence[Float64]) -> tuple[list[int], list[Drawn]]:
    """A moment without a value in each gap, so that no line is drawn across it."""
    places = units.gaps(times)
    at = np.insert(times, places + 1, times[places] + 1).tolist()
    holes = set((places + 1 + np.arange(places.size)).tolist())
    lines: list[Drawn] = []
    for column in columns:
        filled = np.insert(column, places + 1, 0.0).tolist()
        lines.append([None if n in holes else round(value, 6) for n, value in enumerate(filled)])
    return at, lines


def _extent(lowest: Float64, highest: Float64) -> tuple[float, float]:
    if not lowest.size:
        return 0.0, 1.0
    low, high = float(lowest.min()), float(highest.max())
    if 0 <= low < high * 0.7:
        low = 0.0  # where zero is near, it is the ground
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - room), high + room


def _levels(series: SeriesRow, low: float, high: float, words: Words) -> list[dict[str, Any]]:
    step = nice((high - low) / LEVELS)
    first = int(np.ceil(low / step))
    places = [n * step for n in range(first, first + 2 * LEVELS) if n * step < high]
    return [{"at": at, "label": units.amount(series, at, words)} for at in places]
