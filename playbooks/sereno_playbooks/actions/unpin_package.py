"""Unpins a package: upgrades may change its version again."""

from sereno_diagnostics.parameters import Values
from sereno_playbooks import pinning
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "low"
UNDO = "it is pinned again"
LIMITS = pinning.LIMITS
NEEDS = pinning.NEEDS
PARAMETERS = pinning.PARAMETERS


def plan(values: Values, site: Site) -> Draft:
    """The package, pinned now."""
    return pinning.plan("unpinned", UNDO, values, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the package is gone."""
    pinning.waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has apt mark it."""
    return pinning.apply("unpinned", step, values, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Has apt mark it as before."""
    return pinning.revert(values, entries, site)
