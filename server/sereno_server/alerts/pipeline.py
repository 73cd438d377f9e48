"""The alert path, readable as one list. Sources say what is so; each stage decides; nothing here writes."""

from collections.abc import Callable

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation
from sereno_server.alerts.sources.anomalies import anomalies
from sereno_server.alerts.sources.conditions import conditions
from sereno_server.alerts.sources.forecasts import forecasts
from sereno_server.alerts.sources.notices import notices
from sereno_server.alerts.sources.silence import silence
from sereno_server.alerts.stages.correlate import correlate
from sereno_server.alerts.stages.deduplicate import deduplicate
from sereno_server.alerts.stages.notify import notify
from sereno_server.alerts.stages.open_ticket import open_ticket
from sereno_server.alerts.stages.stabilise import stabilise
from sereno_server.alerts.stages.suppress import suppress
from sereno_server.alerts.stages.validate import validate

Source = Callable[[Situation], list[Signal]]
Stage = Callable[[Situation, list[Signal]], list[Signal]]

SOURCES: list[Source] = [forecasts, silence, notices, conditions, anomalies]
STAGES: list[Stage] = [validate, suppress, stabilise, deduplicate, correlate, open_ticket, notify]


def decide(situation: Situation) -> list[Signal]:
    """Runs every stage over what the sources see, and over firing alerts whose condition no source sees any more."""
    signals = [signal for source in SOURCES for signal in source(situation)]
    signals += _gone(situation, {signal.fingerprint for signal in signals})
    for stage in STAGES:
        signals = stage(situation, signals)
    return signals


def _gone(situation: Situation, seen: set[str]) -> list[Signal]:
    return [
        Signal(
            kind=firing.kind,
            device_id=firing.device_id,
            resource=firing.resource,
            object=firing.object,
            severity=firing.severity,
            title=firing.title,
            since=firing.last_at,
            forecast_id=firing.forecast_id,
            gone=True,
        )
        for fingerprint, firing in situation.firing.items()
        if fingerprint not in seen
    ]
