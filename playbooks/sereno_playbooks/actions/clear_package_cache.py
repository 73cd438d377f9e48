"""Removes packages that apt fetched and keeps: what is installed stays, and they can be fetched again."""

from typing import Final

from sereno_diagnostics.findings import bytes_text, counted
from sereno_diagnostics.parameters import Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "low"
UNDO = f"{CANNOT_BE_UNDONE}, and need not be: apt fetches again what it needs"
LIMITS = {"files-max": 2000, "bytes-removed-max": 10 << 30}
NEEDS = ("system",)
PARAMETERS = ()

_FOLDER: Final = "/var/cache/apt/archives"
_FILES_MAX: Final = 10_000
_EMPTY: Final = "0-files,0-bytes"


def plan(_values: Values, site: Site) -> Draft:
    """The cache with its count and size."""
    before, files, size = _state(site)
    if before == _EMPTY:
        return Draft("apt keeps no package that it fetched.", UNDO)
    return Draft(
        effect=f"Removes {counted(files, 'package')} that apt fetched and keeps ({bytes_text(size)}).",
        undo=UNDO,
        subjects=(Subject("cache", "apt", before, _EMPTY),),
        bounds={"files-max": files, "bytes-removed-max": size},
    )


def verify(step: PlannedStep, _values: Values, site: Site) -> None:
    """Refuses when the cache holds something else since."""
    _waiting(step, site)


def apply(step: PlannedStep, _values: Values, site: Site) -> str:
    """Has apt clean up."""
    if not _waiting(step, site):
        return "apt kept no package already"
    site.record({"cache": step.subjects[0].before})
    site.programs.change("apt_clean")
    after = _state(site)[0]
    if after != _EMPTY:
        raise Refused("E_REQUIRE_FAILED", f"apt still keeps {after}")
    return (
        f"{counted(step.bounds['files-max'], 'package')} removed, {bytes_text(step.bounds['bytes-removed-max'])} freed"
    )


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """There is nothing to bring back that is missed."""
    return Outcome(UNDO)


def _waiting(step: PlannedStep, site: Site) -> bool:
    subject = subjects.only(step, "cache", "apt")
    return subject is not None and subjects.waiting(subject, _state(site)[0])


def _state(site: Site) -> tuple[str, int, int]:
    """As the plan words it, the files, and their bytes."""
    names = [name for name in site.machine.names(_FOLDER) if name.endswith(".deb")]
    if len(names) > _FILES_MAX:
        raise Refused("E_BOUND", f"apt keeps more than {_FILES_MAX} packages")
    found = [status for name in names if (status := site.machine.look(f"{_FOLDER}/{name}")) is not None]
    size = sum(status.size_bytes for status in found)
    return f"{len(found)}-files,{size}-bytes", len(found), size
