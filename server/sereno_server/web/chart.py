"""What a live chart draws: history, forecast, capacity, changes, and every label in the reader's words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np

from sereno_server.reads import running_out
from sereno_server.reads.resources import ResourceRow
from sereno_server.reads.rows import ChangeRow, ForecastRow
from sereno_server.reads.words import Words
from sereno_server.store.blocks import Float64
from sereno_server.store.rollup import Stretches
from sereno_server.web import units
from sereno_server.web.horizon import DAY_ENDS, DAY_STARTS

RANGES: dict[str, float] = {"15m": 900, "6h": 6 * 3600, "1d": 86_400, "30d": 30 * 86_400}
DAY_S = 86_400
SHORT_CHARS = 28
NIGHTS_FROM_S = 6 * 3600
NIGHTS_UNTIL_S = 60 * 86_400  # beyond it nights are hatching, not help
TICKS = 5
SPAN_MS_MIN = 60_000


@dataclass(frozen=True)
class Lettered:
    """A change with the letter it has on the page and on the chart."""

    letter: str
    change: ChangeRow


@dataclass(frozen=True)
class Window:
    """What part of time is drawn, in milliseconds."""

    range: str
    start: int
    end: int
    now: int


def lettered(changes: Sequence[ChangeRow]) -> list[Lettered]:
    """A, B, C … in the order given."""
    return [Lettered(chr(ord("A") + n), change) for n, change in enumerate(changes[:26])]


def best_range(forecast: ForecastRow | None, now: datetime, since: datetime | None = None) -> str:
    """The shortest range that shows when it began and when it ends; without a forecast, all since then up to a day."""
    if forecast is None or forecast.full_at is None:
        age_s = (now - since).total_seconds() if since else DAY_S
        return next((name for name, seconds in RANGES.items() if age_s <= seconds <= DAY_S), "1d")
    ahead = ((forecast.full_at_high or forecast.full_at) - now).total_seconds()
    behind = (now - forecast.onset_at).total_seconds() if forecast.onset_at else 0.0
    for name, seconds in RANGES.items():
        if ahead <= seconds * 0.45 and behind <= seconds * 0.6:
            return name
    return "30d"


def window(
    wanted: str,
    forecast: ForecastRow | None,
    now: datetime,
    *,
    until: datetime | None = None,
    since: datetime | None = None,
) -> Window:
    """The wanted range, or the best, with room ahead for the forecast: at most half of it.

    until: draw what was around that time. since: there is nothing before it.
    """
    name = wanted if wanted in RANGES else best_range(forecast, until or now, since)
    if until is not None:
        whole = round(RANGES[name] * 1000)
        end = _ms(until) + whole // 4
        return Window(name, end - whole, end, _ms(now))
    return with_room(name, RANGES[name], forecast, now)


def with_room(name: str, length: float, forecast: ForecastRow | None, now: datetime) -> Window:
    """A range of so many seconds that ends a little after now, or as far ahead as its forecast needs."""
    ahead = length * 0.02
    if forecast is not None and forecast.full_at is not None and forecast.state == "open":
        wanted_ahead = ((forecast.full_at_high or forecast.full_at) - now).total_seconds() * 1.08
        ahead = min(max(wanted_ahead, length * 0.06), length * 0.5)
    at = _ms(now)
    return Window(name, at - round((length - ahead) * 1000), at + round(ahead * 1000), at)


def zoomed(start: int, end: int, oldest: int, frame: Window) -> Window:
    """The asked stretch, moved and cut to what there is: from the oldest sample to where the whole picture ends."""
    latest = max(frame.end, frame.now)
    length = min(max(end - start, SPAN_MS_MIN), max(latest - oldest, SPAN_MS_MIN))
    start = min(max(start, min(oldest, latest - length)), latest - length)
    return Window("", start, start + length, frame.now)


def chart(
    resource: ResourceRow,
    past: Stretches,
    frame: Window,
    *,
    changes: Sequence[Lettered],
    now: datetime,
    words: Words,
) -> dict[str, Any]:
    """The JSON that chart.js draws. Times are milliseconds, values the resource's own unit."""
    highest = max([resource.capacity, *(past.highest.tolist() or [0.0])])
    low, high = _levels_range(past.lowest, highest)
    return {
        **asdict(frame),
        **lines(past),
        **outlook(resource.forecast, frame, now, words),
        "title": running_out.resource_name(resource.resource, resource.object, words),
        "low": low,
        "high": high,
        "capacity": resource.capacity,
        "capacity_label": words.say("full: {amount}", amount=words.amount(resource.resource, resource.capacity)),
        "ticks": ticks(frame, words),
        "levels": _levels(resource.resource, low, resource.capacity, words),
        "nights": nights(frame, words),
        "changes": marks(changes, frame),
        "sentence": sentence(resource, now, words),
    }


def outlook(forecast: ForecastRow | None, frame: Window, now: datetime, words: Words) -> dict[str, Any]:
    """The part of the JSON that a forecast draws: its band, its most likely end, and when it began."""
    full_at = forecast.full_at if forecast else None
    onset = forecast.onset_at if forecast else None
    return {
        "forecast": [list(step[:4]) for step in forecast.path if step[0] <= frame.end] if forecast else [],
        "full_at": _ms(full_at) if full_at and (full_at > now or _ms(now) > frame.end) else None,
        "full_label": words.clock(full_at, now) if full_at else "",
        "onset": _ms(onset) if onset and frame.start <= _ms(onset) <= min(frame.now, frame.end) else None,
        "onset_label": words.say("it began"),
        "interval_label": interval(forecast, words),
    }


def sentence(resource: ResourceRow, now: datetime, words: Words) -> str:
    """What the chart shows, for those who do not see it."""
    what = running_out.resource_name(resource.resource, resource.object, words)
    said = words.say(
        "{what}: {used} of {capacity} used now.",
        what=what,
        used=words.amount(resource.resource, resource.value),
        capacity=words.amount(resource.resource, resource.capacity),
    )
    forecast = resource.forecast
    if forecast is None or forecast.full_at is None:
        return said
    return f"{said} " + words.say(
        "Forecast to be full {relative}, at {clock}, {interval}.",
        relative=words.relative(forecast.full_at, now),
        clock=words.clock(forecast.full_at, now),
        interval=interval(forecast, words),
    )


def interval(forecast: ForecastRow | None, words: Words) -> str:
    """`06:50 to 09:10`, the 80 % interval; days are named where they differ from the most likely one."""
    if forecast is None or forecast.full_at_low is None or forecast.full_at_high is None:
        return ""
    day = forecast.full_at
    short = (forecast.full_at_high - forecast.full_at_low).total_seconds() < 600  # noqa: PLR2004
    return words.say(
        "{low} to {high}",
        low=words.clock(forecast.full_at_low, day, seconds=short),
        high=words.clock(forecast.full_at_high, day, seconds=short),
    )


def lines(past: Stretches) -> dict[str, Any]:
    """The line of means and, where a stretch has more than one value, the band around it; none across a gap."""
    places = units.gaps(past.times)
    at = np.insert(past.times, places + 1, past.times[places] + 1).tolist()
    holes = set((places + 1 + np.arange(places.size)).tolist())
    drawn: list[list[float | None]] = []
    for column in (past.mean, past.lowest, past.highest):
        filled = np.insert(column, places + 1, 0.0).tolist()
        drawn.append([None if n in holes else round(value, 6) for n, value in enumerate(filled)])
    banded = bool(np.any(past.highest > past.lowest))
    return {"t": at, "v": drawn[0], "v_low": drawn[1] if banded else [], "v_high": drawn[2] if banded else []}


def _levels_range(values: Float64, highest: float) -> tuple[float, float]:
    lowest = float(values.min()) if values.size else 0.0
    floor = 0.0 if lowest < highest * 0.7 else lowest - (highest - lowest) * 0.4
    return max(floor, 0.0), highest + (highest - floor) * 0.12


def _levels(resource: str, low: float, capacity: float, words: Words) -> list[dict[str, Any]]:
    step = nice((capacity - low) / 4)
    first = math.ceil(low / step)
    marks = [n * step for n in range(first, first + 8) if low < n * step < capacity - step * 0.3]
    return [{"at": at, "label": words.amount(resource, at)} for at in marks]


def nice(raw: float) -> float:
    """The next round step from here up."""
    if raw <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(raw))
    return float(next((m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= raw), 10 * scale))


def ticks(frame: Window, words: Words) -> list[dict[str, Any]]:
    """Round moments on the axis, and now; none so near to now that the words would touch."""
    seconds = (frame.end - frame.start) / 1000
    steps = (
        60,
        120,
        300,
        600,
        1800,
        3600,
        2 * 3600,
        3 * 3600,
        6 * 3600,
        12 * 3600,
        86_400,
        2 * 86_400,
        7 * 86_400,
        14 * 86_400,
        30 * 86_400,
        91 * 86_400,
    )
    step = next((s for s in steps if seconds / s <= TICKS + 1), steps[-1])
    now = datetime.fromtimestamp(frame.now / 1000, UTC)
    offset = words.zone.utcoffset(now) or timedelta()
    shift = offset.total_seconds()
    first = math.ceil((frame.start / 1000 + shift) / step) * step - shift
    gap = (frame.end - frame.start) * 0.09
    found = []
    if frame.start <= frame.now <= frame.end:
        found.append({"at": frame.now, "label": words.say("now {clock}", clock=words.clock(now))})
    at = first * 1000
    while at < frame.end - gap / 2:
        if abs(at - frame.now) > gap and at > frame.start + gap / 2:
            moment = datetime.fromtimestamp(at / 1000, UTC)
            found.append({"at": round(at), "label": words.clock(moment, now) if step < DAY_S else words.day(moment)})
        at += step * 1000
    return found


def marks(changes: Sequence[Lettered], frame: Window) -> list[dict[str, Any]]:
    """The changes that lie in the picture."""
    shown = [c for c in changes if frame.start <= _ms(c.change.at) <= min(frame.now, frame.end)]
    return [
        {"letter": c.letter, "at": _ms(c.change.at), "short": _short(c.change.summary), "nth": n}
        for n, c in enumerate(shown)
    ]


def nights(frame: Window, words: Words) -> list[tuple[int, int]]:
    """From evening to morning in the reader's zone, where the picture is neither too short nor too long for them."""
    if not NIGHTS_FROM_S <= (frame.end - frame.start) / 1000 <= NIGHTS_UNTIL_S:
        return []
    first = datetime.fromtimestamp(frame.start / 1000, UTC).astimezone(words.zone).date() - timedelta(days=1)
    found: list[tuple[int, int]] = []
    for offset in range(round((frame.end - frame.start) / 86_400_000) + 3):
        evening = _at(first + timedelta(days=offset), DAY_ENDS, words)
        morning = _at(first + timedelta(days=offset + 1), DAY_STARTS, words)
        if morning > frame.start and evening < frame.end:
            found.append((evening, morning))
    return found


def _at(day: Any, hour: time, words: Words) -> int:
    return _ms(datetime.combine(day, hour, tzinfo=words.zone))


def _short(text: str) -> str:
    return text if len(text) <= SHORT_CHARS else text[: SHORT_CHARS - 1].rstrip() + "…"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
