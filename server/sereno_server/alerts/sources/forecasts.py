"""Open forecasts: a bounded resource that runs out."""

from datetime import timedelta

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Forecast, Situation
from sereno_server.alerts.subject import ENDINGS, FULL, named

SOON_S = 72 * 3600  # what runs out later than this is watched, without a ticket
FULL_RATIO = 0.995


def forecasts(situation: Situation) -> list[Signal]:
    """One signal for every open forecast."""
    return [_signal(situation, forecast) for forecast in situation.forecasts]


def left_s(forecast: Forecast, situation: Situation) -> float | None:
    """Seconds until it is full. The forecast stands on the device's clock, so its offset is taken out."""
    if forecast.full_at is None:
        return None
    device = situation.devices.get(forecast.device_id)
    offset = timedelta(milliseconds=device.clock_offset_ms if device else 0)
    return (forecast.full_at - offset - situation.now).total_seconds()


def _signal(situation: Situation, forecast: Forecast) -> Signal:
    left = left_s(forecast, situation)
    called = ENDINGS.get(forecast.resource, FULL)
    if forecast.value >= FULL_RATIO * forecast.capacity:
        severity, ending = "failing", called.over
    elif left is None:
        severity, ending = "watch", "grows towards its limit"
    else:
        severity, ending = ("soon" if left <= SOON_S else "watch"), f"{called.ahead} {_span(left)}"
    figures = {
        "value": forecast.value,
        "capacity": forecast.capacity,
        "growth_per_s": forecast.growth_per_s,
        "confidence": forecast.confidence,
        "age_s": (situation.now - forecast.updated_at).total_seconds(),
    }
    return Signal(
        kind="exhaustion",
        device_id=forecast.device_id,
        resource=forecast.resource,
        object=forecast.object,
        severity=severity,
        title=f"{named(forecast.resource, forecast.object)} {ending}",
        since=min(forecast.made_at, situation.now),
        forecast_id=forecast.id,
        figures=figures if left is None else figures | {"left_s": left},
    )


def _span(seconds: float) -> str:
    """`in 4 h 28 min`, the way that every page says it."""
    if seconds < 60:  # noqa: PLR2004  a minute
        return "within a minute"
    minutes = round(seconds / 60)
    hours, days = minutes // 60, minutes // (60 * 24)
    if days >= 2:  # noqa: PLR2004  up to two days hours say it better
        return f"in {days} days"
    return f"in {hours} h {minutes % 60:02} min" if hours else f"in {minutes} min"
