"""Keeps a service from starting with the machine; one that runs goes on."""

from typing import Final

from sereno_diagnostics import systemd
from sereno_diagnostics.parameters import Values
from sereno_playbooks import services
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "medium"
UNDO = "it is enabled again"
LIMITS = services.LIMITS
NEEDS = services.NEEDS
PARAMETERS = services.parameters("the service to disable")


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
    return services.file_wish(unit, "enabled", "disabled")


def _back(before: str) -> str | None:
    return "enable" if before == "enabled" else None


_VERB: Final = services.Verb("disable", _wish, services.file_state, "Disables", UNDO, _back)
