"""Makes a mounted file system read-only, to protect what is on it."""

from sereno_diagnostics.parameters import Values
from sereno_playbooks import mounts
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "medium"
UNDO = "it is made writable again"
LIMITS = mounts.LIMITS
NEEDS = mounts.NEEDS
PARAMETERS = mounts.PARAMETERS


def plan(values: Values, site: Site) -> Draft:
    """The mount and its device, writable now."""
    return mounts.plan("ro", UNDO, values, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when something else is mounted there."""
    mounts.waiting("ro", step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has it remounted."""
    return mounts.apply("ro", step, values, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Has it remounted as it was."""
    return mounts.revert(values, entries, site)
