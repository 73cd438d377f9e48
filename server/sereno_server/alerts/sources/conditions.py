"""Conditions that a rule found: plainly wrong, as long as they hold. Notes are shown on pages and never alarm."""

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation
from sereno_server.rules.catalogue import RULES


def conditions(situation: Situation) -> list[Signal]:
    """One signal for every condition that holds."""
    found = []
    for one in situation.conditions:
        rule = RULES.get(one.rule)
        if rule is not None and rule.severity != "note":
            since = min(one.made_at, situation.now)
            figures = {"figure": one.figure}
            signal = Signal(
                rule.name, one.device_id, one.object, rule.severity, one.title, since, rule.resource, figures=figures
            )
            found.append(signal)
    return found
