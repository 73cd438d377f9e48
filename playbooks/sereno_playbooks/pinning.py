"""Pinned packages (apt-mark hold): no upgrade changes their version."""

from typing import Final

from sereno_diagnostics.parameters import Values
from sereno_playbooks import apt, subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject

NEEDS: Final = apt.NEEDS
LIMITS: Final = {"packages-max": 1}
PARAMETERS: Final = apt.PARAMETERS
_PROGRAMS: Final = {"pinned": "apt_hold", "unpinned": "apt_unhold"}


def plan(wished: str, undo: str, values: Values, site: Site) -> Draft:
    """The package from pinned to unpinned, or the other way."""
    package = apt.named("pin", values, site).package
    before = _state(package, site)
    if before == wished:
        return Draft(f"{package} is {before} already.", undo)
    return Draft(
        effect=f"Marks {package}, which is {before}, as {wished}.",
        undo=undo,
        subjects=(Subject("package", package, before, wished),),
        bounds={"packages-max": 1},
    )


def waiting(step: PlannedStep, values: Values, site: Site) -> bool:
    """Whether it is still to be done."""
    package = apt.named("pin", values, site).package
    subject = subjects.only(step, "package", package)
    return subject is not None and subjects.waiting(subject, _state(package, site))


def apply(wished: str, step: PlannedStep, values: Values, site: Site) -> str:
    """Has apt mark it, and looks whether it is."""
    package = apt.named("pin", values, site).package
    if not waiting(step, values, site):
        return f"{package} was {wished} already"
    site.record({"package": package, "before": step.subjects[0].before})
    site.programs.change(_PROGRAMS[wished], package=package)
    if _state(package, site) != wished:
        raise Refused("E_REQUIRE_FAILED", f"{package} is not {wished} afterwards")
    return f"{package} is {wished}"


def revert(values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Marks it as it was."""
    package = apt.named("pin", values, site).package
    for entry in entries:
        before = str(entry.get("before"))
        if entry.get("package") != package or before not in _PROGRAMS:
            return Outcome("an undo entry names a package that is not of the plan", complete=False)
        site.programs.change(_PROGRAMS[before], package=package)
    return Outcome(f"{package} is {_state(package, site)} again")


def _state(package: str, site: Site) -> str:
    have = apt.installed(site)
    if package not in have:
        raise Refused("E_NOT_FOUND", f"{package} is not installed")
    return "pinned" if have[package].wanted == "hold" else "unpinned"
