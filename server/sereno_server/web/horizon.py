"""The horizon: every forecast on one time axis. Near hours are wide and far days narrow; nights are shaded."""

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from sereno_server.reads.fleet import Upcoming
from sereno_server.reads.words import Words

REACH_H = 7 * 24.0
BEND_H = 1.5  # half of an axis of a week then lies within the next 18 hours
DAY_STARTS = time(8)
DAY_ENDS = time(19)
TICK_GAP = 13.0  # percent that two labels keep between them


@dataclass(frozen=True)
class Tick:
    """A labelled moment on the axis, at so many percent."""

    x: float
    label: str
    anchor: str = "middle"
    strong: bool = False


@dataclass(frozen=True)
class Mark:
    """One forecast on the axis: the 80 % interval and the most likely moment, in percent."""

    row: Upcoming
    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Horizon:
    """Everything the list draws. `first` needs someone before the next change between day and night."""

    nights: tuple[tuple[float, float], ...]  # x, width
    turn_x: float
    turn_at: datetime
    is_night: bool
    ticks: tuple[Tick, ...]
    first: tuple[Mark, ...]
    later: tuple[Mark, ...]


def horizon(rows: list[Upcoming], now: datetime, words: Words) -> Horizon:
    """Places each forecast; the axis bends earlier when something is only minutes away."""
    soonest_h = min((_hours(r.forecast.full_at, now) for r in rows if r.forecast.full_at), default=BEND_H)
    bend = min(BEND_H, max(soonest_h / 2, 1 / 60))
    marks = [_mark(r, now, bend) for r in rows]
    is_night, turn = turn_of_day(now, words.zone)
    return Horizon(
        nights=_nights(now, words.zone, bend),
        turn_x=_x(_hours(turn, now), bend),
        turn_at=turn,
        is_night=is_night,
        ticks=_ticks(now, turn, bend, words),
        first=tuple(m for m in marks if m.row.forecast.full_at and m.row.forecast.full_at <= turn),
        later=tuple(m for m in marks if not (m.row.forecast.full_at and m.row.forecast.full_at <= turn)),
    )


def turn_of_day(now: datetime, zone: tzinfo) -> tuple[bool, datetime]:
    """Whether it is night, and when that ends or begins."""
    local = now.astimezone(zone)
    today = local.date()
    for day in (today, today + timedelta(days=1)):
        for at, night_before in ((DAY_STARTS, True), (DAY_ENDS, False)):
            moment = datetime.combine(day, at, tzinfo=zone)
            if moment > local:
                return night_before, moment
    raise AssertionError


def _mark(row: Upcoming, now: datetime, bend: float) -> Mark:
    forecast = row.forecast
    middle = forecast.full_at or now
    low, high = forecast.full_at_low or middle, forecast.full_at_high or middle
    return Mark(
        row=row,
        x=_x(_hours(middle, now), bend),
        low=_x(_hours(low, now), bend),
        high=_x(_hours(high, now), bend),
    )


def _nights(now: datetime, zone: tzinfo, bend: float) -> tuple[tuple[float, float], ...]:
    today = now.astimezone(zone).date()
    shades: list[tuple[float, float]] = []
    for offset in range(-1, int(REACH_H // 24) + 1):
        evening = datetime.combine(today + timedelta(days=offset), DAY_ENDS, tzinfo=zone)
        morning = datetime.combine(today + timedelta(days=offset + 1), DAY_STARTS, tzinfo=zone)
        start, end = _x(_hours(evening, now), bend), _x(_hours(morning, now), bend)
        if end > start:
            shades.append((start, end - start))
    return tuple(shades)


def _ticks(now: datetime, turn: datetime, bend: float, words: Words) -> tuple[Tick, ...]:
    wanted = [
        Tick(0.0, words.say("now"), "start"),
        Tick(_x(_hours(turn, now), bend), words.clock(turn), strong=True),
        Tick(100.0, words.say("+7 days"), "end"),
        Tick(_x(24, bend), words.say("+1 day")),
        Tick(_x(72, bend), words.say("+3")),
        Tick(_x(1, bend), words.say("+1 h")),
        Tick(_x(1 / 12, bend), words.say("+5 min")),
    ]
    kept: list[Tick] = []
    for tick in wanted:  # the first are wanted most
        if all(abs(tick.x - other.x) >= TICK_GAP for other in kept):
            kept.append(tick)
    return tuple(sorted(kept, key=lambda tick: tick.x))


def _hours(at: datetime | None, now: datetime) -> float:
    return (at - now).total_seconds() / 3600 if at else REACH_H


def _x(hours: float, bend: float) -> float:
    within = min(max(hours, 0.0), REACH_H)
    return round(100 * math.log1p(within / bend) / math.log1p(REACH_H / bend), 2)
