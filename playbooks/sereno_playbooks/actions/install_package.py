"""Installs a package that the policy names, and what it needs."""

from sereno_diagnostics.parameters import Values
from sereno_playbooks import apt
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.planned_step import PlannedStep

RISK = "medium"
UNDO = apt.UNDO
LIMITS = apt.LIMITS
NEEDS = apt.NEEDS
PARAMETERS = apt.PARAMETERS


def plan(values: Values, site: Site) -> Draft:
    """What apt's own dry run says."""
    package = apt.named("install", values, site).package
    if (now := apt.version_of(package, apt.installed(site))) != apt.ABSENT:
        return Draft(f"{package} {now} is installed already.", UNDO)
    return apt.plan(package, apt.candidate(package, site), site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when apt would do something else by now."""
    apt.waiting(step, apt.named("install", values, site).package, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has apt do exactly that."""
    return apt.apply(step, apt.named("install", values, site).package, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """As UNDO says."""
    apt.named("install", values, site)
    return apt.revert(entries, site)
