"""Validate: a condition must be possible before it may alarm anybody."""

import math
from datetime import timedelta

from sereno_proto import limits
from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation

AHEAD = timedelta(milliseconds=limits.CLOCK_SKEW_MS_MAX)
FORECAST_STALE_S = 30 * 60  # an open forecast that nobody renews says nothing about now


def validate(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Drops what cannot be: NaN, impossible figures, a beginning in the future, a forecast that nobody renews.

    A dropped signal neither opens nor clears anything: the alert that fires already goes on firing.
    """
    return [signal for signal in signals if signal.gone or _possible(signal, situation)]


def _possible(signal: Signal, situation: Situation) -> bool:
    if signal.device_id not in situation.devices or signal.since > situation.now + AHEAD:
        return False
    if not all(math.isfinite(figure) for figure in signal.figures.values()):
        return False
    return signal.kind != "exhaustion" or _runs_out(signal)


def _runs_out(signal: Signal) -> bool:
    """Tells whether the figures of a forecast agree with each other.

    A counter that was reset and a clock that jumped show here: growth that shrinks, a moment of filling that has passed
    while the resource is not full, more in it than fits.
    """
    figures = signal.figures
    value, capacity = figures.get("value", -1.0), figures.get("capacity", 0.0)
    full = signal.severity == "failing"
    return (
        capacity > 0
        and value >= 0
        and 0 <= figures.get("confidence", -1.0) <= 1
        and figures.get("age_s", 0.0) <= FORECAST_STALE_S
        and (full or figures.get("growth_per_s", 0.0) > 0)
        and (full or figures.get("left_s", 0.0) >= -FORECAST_STALE_S)
    )
