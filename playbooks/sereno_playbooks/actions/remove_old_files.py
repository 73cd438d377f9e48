"""Removes files of a folder that the policy lets go, oldest first, always keeping the newest.

What is removed is gone: keeping it elsewhere until the run ends would fill the very disk that is to be emptied.
"""

import os

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import WatchedFolder
from sereno_diagnostics.findings import bytes_text, counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import files
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_playbooks.actions.rotate_logs import rotatable
from sereno_proto.errors import Refused
from sereno_proto.limits import ACTION_FILES_MAX
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Target

RISK = "medium"
LIMITS = {"files-max": 50, "bytes-removed-max": 10 << 30}  # of a grant made in advance, where people name no others
UNDO = f"{CANNOT_BE_UNDONE}: what is removed is gone"
NEEDS = ("folders",)
PARAMETERS = (Parameter("folder", "folder", "the folder to clear"),)


def plan(values: Values, site: Site) -> Draft:
    """Each file with its digest, or, when it is big, its size and time of change."""
    folder = site.allowed.folder(str(values["folder"]))
    with files.open_folder(folder.path, site.allowed) as descriptor:
        old = _removable(descriptor, folder, site)[folder.keep :][::-1]
        targets = tuple(_target(descriptor, folder, candidate, site) for candidate in old[:ACTION_FILES_MAX])
    if not targets:
        return Draft(f"Nothing in {folder.name} is old enough to be removed.", UNDO)
    total = sum(target.bytes_max for target in targets)
    stay = {0: "none has to stay", 1: "the newest stays"}.get(folder.keep, f"the {folder.keep} newest stay")
    more = f"; {len(old) - len(targets)} more stay for another run" if len(old) > len(targets) else ""
    return Draft(
        effect=(
            f"Removes {counted(len(targets), 'file')} of {folder.path} ({bytes_text(total)}), oldest first; "
            f"{stay}{more}."
        ),
        undo=UNDO,
        targets=targets,
        bounds={"files-max": len(targets), "bytes-removed-max": total},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when a target that is still there is not the one in the plan, or is now among the newest."""
    folder = site.allowed.folder(str(values["folder"]))
    with files.open_folder(folder.path, site.allowed) as descriptor:
        _present(descriptor, step, folder, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Removes the targets after finding every one of them unchanged; those already gone are passed over."""
    folder = site.allowed.folder(str(values["folder"]))
    if not step.targets:
        return f"nothing in {folder.name} was to be removed"
    removed = freed = 0
    with files.open_folder(folder.path, site.allowed) as descriptor:
        for target in _present(descriptor, step, folder, site):
            _remove(descriptor, folder, target, site)
            removed, freed = removed + 1, freed + target.bytes_max
        os.fsync(descriptor)
    return f"{counted(removed, 'file')} removed from {folder.name}, {bytes_text(freed)} freed"


def revert(step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Says that it cannot; only a file that was cut off half-way gets its name back."""
    folder = site.allowed.folder(str(values["folder"]))
    gone = 0
    with files.open_folder(folder.path, site.allowed) as descriptor:
        for entry in entries:
            gone += not _back(descriptor, entry)
    if not gone:
        return Outcome(f"every file of {folder.name} is there as before")
    return Outcome(
        f"{step.action}: {counted(gone, 'file')} removed from {folder.name} cannot be brought back", complete=False
    )


def _back(descriptor: int, entry: dict[str, object]) -> bool:
    """Whether the file has its name, or has it again after a removal that was cut off."""
    hidden, name = str(entry["hidden"]), str(entry["name"])
    if not files.is_temporary(hidden) or not confined.plain_name(name):
        return False
    if confined.status(descriptor, name) is None and confined.status(descriptor, hidden) is not None:
        files.place(descriptor, hidden, name)
    status = confined.status(descriptor, name)
    return status is not None and status.st_ino == entry["inode"]


def _removable(descriptor: int, folder: WatchedFolder, site: Site) -> list[files.Candidate]:
    """What the policy lets go, the newest first. A log that is being written is not among it."""
    found = files.candidates(descriptor, folder, folder.remove, site.allowed)
    old = [candidate for candidate in found if not rotatable(candidate.name, folder)]
    return sorted(old, key=lambda candidate: (-candidate.status.st_mtime_ns, candidate.name))


def _target(descriptor: int, folder: WatchedFolder, candidate: files.Candidate, site: Site) -> Target:
    path = folder.path / candidate.name
    with files.open_target(descriptor, path, site.allowed) as content:
        return Target(
            str(path), os.fstat(content).st_ino, files.fingerprint(content), "absent", os.fstat(content).st_size
        )


def _present(descriptor: int, step: PlannedStep, folder: WatchedFolder, site: Site) -> list[Target]:
    """The targets that are still there, each found unchanged, all within the bounds."""
    present = [target for target in step.targets if _unchanged(descriptor, folder, target, site)]
    _stay_within(step, present, _removable(descriptor, folder, site), folder)
    return present


def _unchanged(descriptor: int, folder: WatchedFolder, target: Target, site: Site) -> bool:
    """True when the target is as planned, False when it is gone; raises E_TARGET_DRIFTED otherwise."""
    path = files.direct_child(folder, target)
    try:
        with files.open_target(descriptor, path, site.allowed) as content:
            if os.fstat(content).st_ino == target.inode and files.fingerprint(content) == target.before:
                return True
    except FileNotFoundError:
        return False
    except Refused as error:
        raise Refused("E_TARGET_DRIFTED", f"{path} is no longer what it was: {error.what}") from error
    raise Refused("E_TARGET_DRIFTED", f"{path} is no longer what it was when the plan was made")


def _stay_within(
    step: PlannedStep, present: list[Target], removable: list[files.Candidate], folder: WatchedFolder
) -> None:
    """Enforces the plan's bounds and the policy as it is now: names that still match, and the newest that stay."""
    if len(present) > step.bounds.get("files-max", 0) and present:
        raise Refused("E_BOUND", f"{len(present)} files would be removed, more than planned")
    if sum(target.bytes_max for target in present) > step.bounds.get("bytes-removed-max", 0):
        raise Refused("E_BOUND", "more bytes would be removed than planned")
    allowed = {candidate.name for candidate in removable[folder.keep :]}
    for target in present:
        if files.direct_child(folder, target).name not in allowed:
            raise Refused("E_TARGET_DRIFTED", f"{target.path} is now among the newest, or no longer of the policy")


def _remove(descriptor: int, folder: WatchedFolder, target: Target, site: Site) -> None:
    """Takes the name away first and looks again, so that nothing swapped in at the last moment is removed."""
    name, hidden = files.direct_child(folder, target).name, files.temporary_name()
    site.record({"name": name, "hidden": hidden, "inode": target.inode})
    os.rename(name, hidden, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    status = confined.status(descriptor, hidden)
    if status is None or status.st_ino != target.inode or status.st_nlink != 1:
        files.place(descriptor, hidden, name)
        raise Refused("E_TARGET_DRIFTED", f"{target.path} was swapped for another file")
    os.unlink(hidden, dir_fd=descriptor)
