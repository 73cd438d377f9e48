"""Has systemd-resolved forget the names that it looked up; it asks anew from then on."""

import re
from typing import Final

from sereno_diagnostics.parameters import Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "low"
UNDO = f"{CANNOT_BE_UNDONE}, and need not be: names are looked up again when they are asked for"
LIMITS = {"caches-max": 1}
NEEDS = ("root",)
PARAMETERS = ()

_SIZE: Final = re.compile(r"Current Cache Size: *([0-9]+)")


def plan(_values: Values, site: Site) -> Draft:
    """The cache, unless it is empty."""
    size = _size(site)
    if not size:
        return Draft("No name is remembered.", UNDO)
    return Draft(
        effect=f"Forgets the names that were looked up ({size} answers now).",
        undo=UNDO,
        subjects=(Subject("cache", "dns", "filled", "empty"),),
        bounds={"caches-max": 1},
    )


def verify(step: PlannedStep, _values: Values, site: Site) -> None:
    """Refuses where there is no such cache."""
    _waiting(step, site)


def apply(step: PlannedStep, _values: Values, site: Site) -> str:
    """Has it emptied."""
    size = _waiting(step, site)
    if not size:
        return "no name was remembered"
    site.record({"answers": size})
    site.programs.change("dns_flush")
    return f"{size} answers forgotten"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """There is nothing to bring back that is missed."""
    return Outcome(UNDO)


def _waiting(step: PlannedStep, site: Site) -> int:
    return 0 if subjects.only(step, "cache", "dns") is None else _size(site)


def _size(site: Site) -> int:
    found = _SIZE.search(site.programs.told("dns_statistics"))
    if found is None:
        raise Refused("E_PROGRAM_FAILED", "resolvectl does not say how much is remembered")
    return int(found[1])
