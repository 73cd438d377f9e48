"""A forecast's life: it opens once, is kept up to date, is marked by what came of it, and closes once. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sereno_server.prediction.resources import Bounded
from sereno_server.prediction.scoreboard import Outcome, at_close, while_open
from sereno_server.prediction.watch import Key, Outlook

PATH_POINTS: Final = 24
LEFT_S_MAX: Final = 1100 * 86_400.0  # what is farther away than three years is not said
STALL_HOLD_S_MAX: Final = 86_400.0
STALL_HOLD_PASSES: Final = 3


@dataclass(frozen=True)
class Forecast:
    """One row of the table. said_at: when a time was last known, by the server's clock."""

    id: str
    key: Key
    resource: str
    object: str
    state: str
    made_at: datetime
    updated_at: datetime
    said_at: datetime
    full_at: datetime | None
    full_at_low: datetime | None
    full_at_high: datetime | None
    first_full_at: datetime | None
    onset_at: datetime | None
    confidence: float
    value: float
    capacity: float
    growth_per_s: float
    path: list[list[float]] | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Runs:
    """What runs on the device say: one is being carried out; the one that succeeded since the forecast was made."""

    executing: bool = False
    succeeded: str | None = None


def wants_to_open(outlook: Outlook) -> bool:
    """Whether a forecast should open: a time is known, and not absurdly far away."""
    return outlook.open and outlook.full_at is not None and outlook.full_at - outlook.at <= LEFT_S_MAX


def opened(forecast_id: str, key: Key, resource: Bounded, outlook: Outlook, now: datetime) -> Forecast:
    """A forecast as it is first made."""
    fresh = Forecast(
        id=forecast_id,
        key=key,
        resource=resource.resource,
        object=resource.object,
        state="open",
        made_at=now,
        updated_at=now,
        said_at=now,
        full_at=None,
        full_at_low=None,
        full_at_high=None,
        first_full_at=None,
        onset_at=None,
        confidence=0.0,
        value=outlook.value,
        capacity=outlook.capacity,
        growth_per_s=0.0,
    )
    updated = _updated(fresh, outlook, now)
    return replace(updated, first_full_at=updated.full_at)


def ends(forecast: Forecast, outlook: Outlook, now: datetime, pass_s: float) -> bool:
    """Whether the growth is over: it was let go, or has stood still for as long as it had lasted (a day at most)."""
    if not outlook.open:
        return True
    if outlook.full_at is not None or outlook.value >= outlook.capacity:
        return False
    began = forecast.onset_at or forecast.made_at
    lasted_s = (forecast.said_at - began).total_seconds()
    hold_s = max(min(lasted_s, STALL_HOLD_S_MAX), STALL_HOLD_PASSES * pass_s)
    return (now - forecast.said_at).total_seconds() > hold_s


def advanced(forecast: Forecast, outlook: Outlook, runs: Runs, now: datetime, pass_s: float) -> Forecast:
    """The forecast after a pass. While a run is being carried out nothing is closed: its end decides the outcome."""
    if ends(forecast, outlook, now, pass_s):
        if runs.executing:
            return replace(forecast, updated_at=now, value=outlook.value)
        outcome = forecast.outcome or at_close(forecast.made_at, forecast.first_full_at, runs.succeeded, now)
        return replace(forecast, state="closed", updated_at=now, value=outlook.value, outcome=outcome)
    updated = _updated(forecast, outlook, now)
    share = outlook.value / outlook.capacity if outlook.capacity > 0 else 0.0
    outcome_now = updated.outcome or while_open(updated.made_at, updated.first_full_at, share, now)
    return replace(updated, outcome=outcome_now)


def _updated(forecast: Forecast, outlook: Outlook, now: datetime) -> Forecast:
    base = replace(forecast, updated_at=now, value=outlook.value, capacity=outlook.capacity)
    if outlook.full_at is None or outlook.full_at - outlook.at > LEFT_S_MAX:
        return replace(base, full_at=None, full_at_low=None, full_at_high=None, path=None)
    return replace(
        base,
        said_at=now,
        full_at=moment(outlook.full_at),
        full_at_low=moment(outlook.low),
        full_at_high=moment(outlook.high),
        onset_at=forecast.onset_at or moment(outlook.onset),  # looked for once, when it opens
        confidence=outlook.confidence,
        growth_per_s=outlook.growth_per_s,
        path=_path(outlook),
    )


def moment(seconds: float | None) -> datetime | None:
    """The time of an epoch second."""
    return None if seconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _path(outlook: Outlook) -> list[list[float]] | None:
    """The band to draw: [milliseconds, low, median, high], straight lines from now to the three times of exhaustion."""
    low, median, high = outlook.low, outlook.full_at, outlook.high
    if low is None or median is None or high is None or high <= outlook.at:
        return None
    room = outlook.capacity - outlook.value
    points = []
    for number in range(PATH_POINTS):
        passed = (high - outlook.at) * number / (PATH_POINTS - 1)
        values = [outlook.value + room * min(1.0, passed / max(end - outlook.at, 1e-3)) for end in (high, median, low)]
        points.append([round((outlook.at + passed) * 1000), *values])
    return points
