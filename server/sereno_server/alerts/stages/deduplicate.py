"""Deduplicate: one condition, one alert."""

from dataclasses import replace
from datetime import timedelta

from sereno_server.alerts.signal import Signal, worse
from sereno_server.alerts.situation import Situation

REFRESH_S = 10.0  # how old `last_at` of a firing alert may grow before it is written again


def deduplicate(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Merges signals of one fingerprint, the worst of them wins, and names the firing alert that each already is.

    A firing alert about which nothing is new is dropped here.
    """
    merged: dict[str, Signal] = {}
    for signal in signals:
        other = merged.get(signal.fingerprint)
        if other is None or (other.gone and not signal.gone) or worse(signal.severity, other.severity):
            merged[signal.fingerprint] = signal
    return [known for signal in merged.values() if (known := _known(signal, situation)) is not None]


def _known(signal: Signal, situation: Situation) -> Signal | None:
    firing = situation.firing.get(signal.fingerprint)
    if firing is None:
        return None if signal.gone else signal
    same = (signal.severity, signal.forecast_id) == (firing.severity, firing.forecast_id)
    if same and not signal.gone and situation.now - firing.last_at < timedelta(seconds=REFRESH_S):
        return None
    return replace(signal, alert_id=firing.id)
