"""The picture of any one series: its mean, and around it the lowest and highest of each stretch."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.rows import ForecastRow
from sereno_server.reads.words import Words
from sereno_server.store.blocks import Float64
from sereno_server.store.rollup import Stretches
from sereno_server.web import units
from sereno_server.web.chart import Lettered, Window, lines, marks, nice, nights, outlook, ticks

LEVELS = 4


def series_chart(
    series: SeriesRow,
    found: Stretches,
    frame: Window,
    *,
    changes: Sequence[Lettered],
    words: Words,
    forecast: ForecastRow | None = None,
) -> dict[str, Any]:
    """The JSON that chart.js draws, with its bound only where a forecast runs towards it. Times are milliseconds."""
    bound = np.array([forecast.capacity] if forecast else [])
    low, high = _extent(np.append(found.lowest, bound), np.append(found.highest, bound))
    return {
        **asdict(frame),
        **lines(found),
        **outlook(forecast, frame, _moment(frame.now), words),
        "title": series.text,
        "low": low,
        "high": high,
        "capacity": forecast.capacity if forecast else 0,
        "capacity_label": words.say("full: {amount}", amount=words.amount(forecast.resource, forecast.capacity))
        if forecast
        else "",
        "ticks": ticks(frame, words),
        "levels": _levels(series, low, high, words),
        "nights": nights(frame, words),
        "changes": marks(changes, frame),
        "sentence": sentence(series, found, frame, words),
    }


def sentence(series: SeriesRow, found: Stretches, frame: Window, words: Words) -> str:
    """What the picture shows, for those who do not see it."""
    if not found.times.size:
        return words.say("{what}: no samples in this range.", what=series.text)
    return words.say(
        "{what}: {last} at {clock}, between {low} and {high} in this range.",
        what=series.text,
        last=units.amount(series, float(found.mean[-1]), words),
        clock=words.clock(_moment(int(found.times[-1])), _moment(frame.now)),
        low=units.amount(series, float(found.lowest.min()), words),
        high=units.amount(series, float(found.highest.max()), words),
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


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
