"""Pins an installed package: no upgrade changes its version."""

from sereno_diagnostics.parameters import Values
from sereno_playbooks import pinning
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "low"
UNDO = "it is unpinned again"
LIMITS = pinning.LIMITS
NEEDS = pinning.NEEDS
PARAMETERS = pinning.PARAMETERS


def plan(values: Values, site: Site) -> Draft:
    """The package, unpinned now."""
    return pinning.plan("pinned", UNDO, values, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the package is gone."""
    pinning.waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has apt mark it."""
    return pinning.apply("pinned", step, values, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Has apt mark it as before."""
    return pinning.revert(values, entries, site)
