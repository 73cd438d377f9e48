"""Starts a service that does not run, and looks whether it stays up."""

from typing import Final

from sereno_diagnostics import systemd
from sereno_diagnostics.parameters import Values
from sereno_playbooks import services
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "low"
UNDO = "it is stopped again"
LIMITS = services.LIMITS
NEEDS = services.NEEDS
PARAMETERS = services.parameters("the service to start")


def plan(values: Values, site: Site) -> Draft:
    """The unit from its state now to the one wished."""
    return services.plan(_VERB, values, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses a unit whose state is another one since."""
    services.verify(_VERB, step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has systemd do it, unless it is done."""
    return services.apply(_VERB, step, values, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """As UNDO says."""
    return services.revert(_VERB, values, entries, site)


def _wish(unit: systemd.Unit) -> str | None:
    services.refuse_manual(unit, "Start")
    return None if services.settled(unit) == "active" else "active"


def _back(before: str) -> str | None:
    return None if before == "active" else "stop"


_VERB: Final = services.Verb("start", _wish, services.runs_or_not, "Starts", UNDO, _back)
