"""Puts an earlier version of a watched file back, by its digest, from what this device itself kept.

A file that is gone is not restored: its owner and mode are not known. The version put aside is kept, so the undo is
the same move backwards.
"""

import os

from sereno_diagnostics.allowed import Allowed, WatchedFile
from sereno_diagnostics.findings import counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import files, versions
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_playbooks.differences import difference
from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.limits import WATCHED_FILE_BYTES_MAX
from sereno_proto.planned_step import PlannedStep, Target

RISK = "medium"
LIMITS = {"files-max": 1, "bytes-max": 256 << 10}  # of a grant made in advance, where people name no others
UNDO = "the content it replaces is kept and put back"
NEEDS = ("files",)
PARAMETERS = (
    Parameter("file", "file", "the watched file"),
    Parameter("digest", "digest", "the version to put back, as its change reported it"),
)


def plan(values: Values, site: Site) -> Draft:
    """One target with the digests before and after, and the difference as people read it."""
    file, digest = _file(values, site.allowed), str(values["digest"])
    wanted = versions.read_of(site.allowed, file.name, digest)
    current, status = _read(file, site.allowed)
    if sha256(current) == digest:
        return Draft(f"{file.path} already has this content; nothing changes.", UNDO)
    diff = difference(file.path, current, wanted, "restored", site.redact)
    lines = sum(1 for line in diff[2:] if line.startswith(("+", "-")))
    shown = f"{counted(lines, 'line')} of difference" if diff else "the difference cannot be shown, only its digests"
    return Draft(
        effect=f"Puts {file.path} back to an earlier version kept on this device: {shown}.",
        undo=UNDO,
        targets=(Target(str(file.path), status.st_ino, sha256(current), digest, len(wanted)),),
        bounds={"files-max": 1, "bytes-max": len(wanted)},
        diff=diff,
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses unless the file is still the one in the plan, or has the wanted content already."""
    file, digest = _file(values, site.allowed), str(values["digest"])
    if not step.targets:
        return
    (target,) = step.targets
    if target.path != str(file.path) or target.after != digest:
        raise Refused("E_TARGET_DRIFTED", f"the plan names {target.path}, the policy now {file.path}")
    wanted = versions.read_of(site.allowed, file.name, digest)
    if len(wanted) > step.bounds.get("bytes-max", 0):
        raise Refused("E_BOUND", f"{file.path} would get more bytes than planned")
    try:
        current, status = _read(file, site.allowed)
    except Refused as error:
        code = "E_TARGET_DRIFTED" if error.code == "E_OUTSIDE_POLICY" else error.code
        raise Refused(code, f"{file.path} is no longer what it was: {error.what}") from error
    if sha256(current) == digest:
        return
    if (status.st_ino, sha256(current)) != (target.inode, target.before):
        raise Refused("E_TARGET_DRIFTED", f"{file.path} is no longer what it was when the plan was made")


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Replaces the file, unless it has the wanted content already."""
    file, digest = _file(values, site.allowed), str(values["digest"])
    current, _ = _read(file, site.allowed)
    if not step.targets or sha256(current) == digest:
        return f"{file.path} has this content already"
    (target,) = step.targets
    _swap(file, versions.read(site.allowed, digest), target.before, target.inode, site)
    return f"{file.path} has its earlier content again"


def revert(step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Puts back what was replaced, unless someone has changed the file since."""
    file = _file(values, site.allowed)
    for entry in entries:
        before, after = str(entry["before"]), str(entry["after"])
        _remove_temporary(file, entry, site.allowed)
        current, status = _read(file, site.allowed)
        found = sha256(current)
        if found == before:
            continue
        if found != after:
            return Outcome(f"{file.path} was changed by someone since, so it is left as it is", complete=False)
        _swap(file, versions.read(site.allowed, before), after, status.st_ino, site)
    return Outcome(f"{step.action}: {file.path} is as it was before")


def _file(values: Values, allowed: Allowed) -> WatchedFile:
    file = allowed.file(str(values["file"]))
    if not file.restore:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not allow {file.name} to be restored")
    return file


def _read(file: WatchedFile, allowed: Allowed) -> tuple[bytes, os.stat_result]:
    try:
        with (
            files.open_folder(file.path.parent, allowed) as folder,
            files.open_target(folder, file.path, allowed) as descriptor,
            open(descriptor, "rb", closefd=False) as content,
        ):
            found = content.read(WATCHED_FILE_BYTES_MAX + 1)
            status = os.fstat(descriptor)
    except FileNotFoundError:
        raise Refused("E_TARGET_DRIFTED", f"{file.path} does not exist") from None
    if len(found) > WATCHED_FILE_BYTES_MAX:
        raise Refused("E_BOUND", f"{file.path} is larger than {WATCHED_FILE_BYTES_MAX} bytes")
    return found, status


def _swap(file: WatchedFile, wanted: bytes, before: str, inode: int, site: Site) -> None:
    """Replaces the content, keeping the present one as a version; refuses when it changes under our hands."""

    def unchanged() -> None:
        with files.open_target(folder, file.path, site.allowed) as descriptor:
            if os.fstat(descriptor).st_ino != inode or files.digest_of(descriptor) != before:
                raise Refused("E_TARGET_DRIFTED", f"{file.path} changed while it was being restored")

    current, _ = _read(file, site.allowed)
    if sha256(current) != before:
        raise Refused("E_TARGET_DRIFTED", f"{file.path} changed while it was being restored")
    temporary = files.temporary_name()
    with files.open_folder(file.path.parent, site.allowed) as folder:
        unchanged()
        versions.keep(site.allowed, current)
        site.record({"before": before, "after": sha256(wanted), "temporary": temporary})
        files.replace(folder, file.path.name, temporary, wanted, unchanged)


def _remove_temporary(file: WatchedFile, entry: dict[str, object], allowed: Allowed) -> None:
    """Clears what a killed worker left behind."""
    if files.is_temporary(entry.get("temporary")):
        with files.open_folder(file.path.parent, allowed) as folder:
            files.discard(folder, str(entry["temporary"]))
