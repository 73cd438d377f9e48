"""Stabilise: a condition must hold before it alarms, and stay away before it clears."""

from datetime import timedelta

from sereno_proto import limits
from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.rule import Elsewhere

# Predictor and rules have their own hysteresis, so what they say counts at once. What is only unusual waits for its
# explanation: an upgrade is told when it has finished. Silence waits a little longer than its limit: of many devices
# behind one broken router the last is noticed a keepalive after the first, and they belong together.
HOLD_S: dict[str, float] = {"exhaustion": 0.0, "anomaly": limits.EXPLAINED_LATE_S, "silent": 30.0}
CLEAR_S: dict[str, float] = {"exhaustion": 0.0, "anomaly": 0.0, "silent": 15.0}
for _rule in RULES.values():
    HOLD_S[_rule.name] = _rule.hold_s if isinstance(_rule.measure, Elsewhere) else 0.0
    CLEAR_S[_rule.name] = 0.0
ELSE_S = 60.0
FLAPS_MAX = 3  # so often within FLAP_WINDOW_S is flapping ...
FLAP_WINDOW_S = 3600
FLAP_CLEAR_S = 900.0  # ... and must then stay away for so long


def stabilise(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Drops what has not held for long enough, and keeps firing what has not been away for long enough."""
    return [signal for signal in signals if (_away if signal.gone else _held)(signal, situation)]


def _held(signal: Signal, situation: Situation) -> bool:
    if signal.fingerprint in situation.firing:
        return True
    return situation.now - signal.since >= timedelta(seconds=HOLD_S.get(signal.kind, ELSE_S))


def _away(signal: Signal, situation: Situation) -> bool:
    firing = situation.firing.get(signal.fingerprint)
    if firing is None:
        return False
    flapping = situation.opened_lately.get(signal.fingerprint, 0) >= FLAPS_MAX
    clear_s = FLAP_CLEAR_S if flapping else CLEAR_S.get(signal.kind, ELSE_S)
    return situation.now - firing.last_at >= timedelta(seconds=clear_s)
