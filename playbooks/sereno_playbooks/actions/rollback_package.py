"""Puts an installed package back to an earlier version that apt can still have."""

from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import apt
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep

RISK = "medium"
UNDO = apt.UNDO
LIMITS = apt.LIMITS
NEEDS = apt.NEEDS
PARAMETERS = (
    *apt.PARAMETERS,
    Parameter("version", "version", "the version to go back to, as its change reported it"),
)


def plan(values: Values, site: Site) -> Draft:
    """What apt's own dry run says."""
    package = apt.named("rollback", values, site).package
    now, version = apt.version_of(package, apt.installed(site)), str(values["version"])
    if now == apt.ABSENT:
        return Draft(f"{package} is not installed.", UNDO)
    if now != version and not apt.lower(version, now, site):
        raise Refused("E_OUTSIDE_POLICY", f"{version} is no earlier version than {now}")
    return apt.plan(package, version, site)


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when apt would do something else by now."""
    apt.waiting(step, apt.named("rollback", values, site).package, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has apt do exactly that."""
    return apt.apply(step, apt.named("rollback", values, site).package, site)


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """As UNDO says."""
    apt.named("rollback", values, site)
    return apt.revert(entries, site)
