"""Makes a file system that is mounted read-only writable again, unless the kernel has seen errors on it."""

from sereno_diagnostics.parameters import Values
from sereno_playbooks import mounts
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "medium"
UNDO = "it is made read-only again"
LIMITS = mounts.LIMITS
NEEDS = mounts.NEEDS
PARAMETERS = mounts.PARAMETERS


def plan(values: Values, site: Site) -> Draft:
    """The mount and its device, read-only now."""
    return mounts.plan("rw", UNDO, values, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when something else is mounted there."""
    mounts.waiting("rw", step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has it remounted."""
    return mounts.apply("rw", step, values, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Has it remounted as it was."""
    return mounts.revert(values, entries, site)
