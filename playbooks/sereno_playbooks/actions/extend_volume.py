"""Makes an LVM volume of the policy, and the file system on it, larger; never beyond what the policy and group hold."""

from typing import Final, NamedTuple

from sereno_diagnostics.allowed import NamedVolume
from sereno_diagnostics.findings import bytes_text
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: a mounted file system is not made smaller"
LIMITS = {"bytes-added-max": 100 << 30}
NEEDS = ("system",)
PARAMETERS = (
    Parameter("volume", "volume", "the volume"),
    Parameter("add_gb", "number", "by how many GiB", None, 1, 100_000),
)

_GB: Final = 1 << 30
_FIELDS: Final = 5


class _Volume(NamedTuple):
    size: int
    extent: int
    free: int  # of the group


def plan(values: Values, site: Site) -> Draft:
    """The volume in bytes, before and after."""
    named = site.allowed.volume(str(values["volume"]))
    volume = _look(named, site)
    wanted = -(-(volume.size + int(values["add_gb"]) * _GB) // volume.extent) * volume.extent
    added = wanted - volume.size
    _within(named, volume, wanted)
    return Draft(
        effect=(
            f"Makes {named.volume} and the file system on it larger by {bytes_text(added)}, "
            f"from {bytes_text(volume.size)} to {bytes_text(wanted)}; its group has {bytes_text(volume.free)} left."
        ),
        undo=UNDO,
        subjects=(Subject("volume", named.volume, str(volume.size), str(wanted)),),
        bounds={"bytes-added-max": added},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the volume has another size since, or its group no longer has the room."""
    _waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has LVM extend it to the planned size, which a second time it has already."""
    subject = _waiting(step, values, site)
    if subject is None:
        return "the volume had that size already"
    site.record({"volume": subject.name, "bytes": subject.before})
    site.programs.change("volume_extend", bytes=f"{subject.after}b", volume=subject.name)
    size = _look(site.allowed.volume(str(values["volume"])), site).size
    if size != int(subject.after):
        raise Refused("E_REQUIRE_FAILED", f"{subject.name} has {size} bytes afterwards, not {subject.after}")
    return f"{subject.name} is {bytes_text(size)} large, it was {bytes_text(int(subject.before))}"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, values: Values, site: Site) -> Subject | None:
    named = site.allowed.volume(str(values["volume"]))
    subject = subjects.only(step, "volume", named.volume)
    if subject is None:
        return None
    volume = _look(named, site)
    if not subjects.waiting(subject, str(volume.size)):
        return None
    wanted = int(subject.after)
    _within(named, volume, wanted)
    if wanted <= volume.size or wanted - volume.size > step.bounds.get("bytes-added-max", 0):
        raise Refused("E_BOUND", f"{named.volume} would grow by more than planned")
    return subject


def _within(named: NamedVolume, volume: _Volume, wanted: int) -> None:
    if wanted > named.max_bytes:
        raise Refused("E_BOUND", f"{named.volume} may hold {bytes_text(named.max_bytes)} at most, says the policy")
    if wanted - volume.size > volume.free:
        raise Refused("E_BOUND", f"the group of {named.volume} has {bytes_text(volume.free)} left only")


def _look(named: NamedVolume, site: Site) -> _Volume:
    fields = site.programs.told("volume", volume=named.volume).strip().split("|")
    if len(fields) != _FIELDS or "/".join(fields[:2]) != named.volume or not all(map(str.isdigit, fields[2:])):
        raise Refused("E_NOT_FOUND", f"LVM does not tell of {named.volume}")
    return _Volume(*map(int, fields[2:]))
