"""Empties logs that were removed while a program still writes them: the room comes back without a restart.

Only what the policy lets rotate in that folder: regular files without a name that a program holds open for appending,
which none has mapped into its memory (it would crash) and none holds open for writing otherwise (its next line would
land far behind a hole). What is in them can be read by nobody but the program.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sereno_diagnostics.allowed import WatchedFolder
from sereno_diagnostics.findings import bytes_text, counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import files
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_playbooks.actions.rotate_logs import rotatable
from sereno_playbooks.protected import guard
from sereno_proto.errors import Refused
from sereno_proto.limits import ACTION_FILES_MAX, PROCESSES_MAX
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Target

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: what was in them is gone, and had no name already"
LIMITS = {"files-max": 20, "bytes-max": 100 << 30}
NEEDS = ("folders", "open_files")
PARAMETERS = (Parameter("folder", "folder", "the folder whose removed logs are still held open"),)

_ENDING: Final = " (deleted)"
_GROWTH_BYTES: Final = 64 << 20
_INODE: Final = 4  # the fifth word of a line of /proc/PID/maps


class _Held(NamedTuple):
    """A removed file and one descriptor by which a program holds it: /proc/PID/fd/N."""

    path: str
    inode: int
    device: int
    size: int
    descriptor: str


def plan(values: Values, site: Site) -> Draft:
    """Each of them by the path that it had and its inode, with an upper bound, as it may still grow."""
    folder = site.allowed.folder(str(values["folder"]))
    found = sorted(_found(folder, site), key=lambda one: -one.size)[:ACTION_FILES_MAX]
    targets = tuple(Target(one.path, one.inode, "growing", "truncated", one.size + _GROWTH_BYTES) for one in found)
    if not targets:
        return Draft(f"No removed log of {folder.name} is held open and could be emptied safely.", UNDO)
    size = bytes_text(sum(one.size for one in found))
    return Draft(
        effect=f"Empties {counted(len(found), 'removed log')} of {folder.path} that programs still hold open ({size}).",
        undo=UNDO,
        targets=targets,
        bounds={"files-max": len(targets), "bytes-max": sum(target.bytes_max for target in targets)},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when one has grown beyond its bound; one that is no longer held open has gone by itself."""
    _waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Empties them through the descriptor that holds them."""
    waiting = _waiting(step, values, site)
    for one in waiting:
        site.record({"path": one.path, "inode": one.inode})
        with _opened(one) as descriptor:
            os.ftruncate(descriptor, 0)
    total = bytes_text(sum(one.size for one in waiting))
    return f"{counted(len(waiting), 'removed log')} emptied, {total} freed"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, values: Values, site: Site) -> list[_Held]:
    folder = site.allowed.folder(str(values["folder"]))
    if not step.targets:
        return []
    if len(step.targets) > step.bounds.get("files-max", 0):
        raise Refused("E_BOUND", "more logs than planned")
    for target in step.targets:
        if Path(target.path).parent != folder.path or not rotatable(Path(target.path).name, folder):
            raise Refused("E_OUTSIDE_POLICY", f"{target.path} is not a log that the policy lets rotate")
    found = {(one.path, one.inode): one for one in _found(folder, site)}
    planned = [(found.get((target.path, target.inode)), target) for target in step.targets]
    for one, target in planned:
        if one and one.size > target.bytes_max:
            raise Refused("E_BOUND", f"{one.path} has grown beyond {bytes_text(target.bytes_max)}")
    return [one for one, _ in planned if one]


def _found(folder: WatchedFolder, site: Site) -> list[_Held]:
    """Removed logs of the folder that hold anything, each once, except those that cannot be emptied safely."""
    inspect, pids = guard(site.allowed), _pids(site)
    device = folder.path.stat().st_dev
    appended: dict[int, _Held] = {}
    unsafe: set[int] = set()
    for pid in pids:
        for number in site.machine.names(f"/proc/{pid}/fd"):
            one = _look(f"/proc/{pid}/fd/{number}", folder, site)
            if one is None or one.device != device:
                continue
            flags = _flags(pid, number, site)
            if flags & os.O_ACCMODE == os.O_RDONLY:
                continue
            if flags & os.O_APPEND:
                appended[one.inode] = one
            else:
                unsafe.add(one.inode)
    if appended:
        unsafe.update(*(_mapped(pid, site) for pid in pids))
    with files.open_folder(folder.path, site.allowed) as descriptor:
        for one in appended.values():
            inspect(Path(one.path), os.fstat(descriptor))
    return [one for inode, one in appended.items() if inode not in unsafe and one.size]


def _look(descriptor: str, folder: WatchedFolder, site: Site) -> _Held | None:
    """The removed log behind a descriptor; None for anything else."""
    path = site.machine.target(descriptor)
    name = Path(path.removesuffix(_ENDING)).name
    if not path.endswith(_ENDING) or Path(path).parent != folder.path or not rotatable(name, folder):
        return None
    try:
        status = os.stat(descriptor)  # noqa: PTH116, through the descriptor, whatever its name says
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink:
        return None
    return _Held(str(folder.path / name), status.st_ino, status.st_dev, status.st_size, descriptor)


def _flags(pid: str, number: str, site: Site) -> int:
    for line in (site.machine.read(f"/proc/{pid}/fdinfo/{number}") or "").splitlines():
        key, _, value = line.partition(":")
        if key == "flags":
            return int(value.strip(), 8)
    return os.O_RDWR  # it cannot be told, so it counts as one that writes anywhere


def _mapped(pid: str, site: Site) -> set[int]:
    """Inodes of removed files that the process has in its memory."""
    text = site.machine.read(f"/proc/{pid}/maps") or ""
    lines = (line.split() for line in text.splitlines() if line.endswith(_ENDING)) if _ENDING in text else ()
    return {int(words[_INODE]) for words in lines if words[_INODE].isdigit()}


def _pids(site: Site) -> list[str]:
    pids = [name for name in site.machine.names("/proc") if name.isdigit()]
    if len(pids) > PROCESSES_MAX:
        raise Refused("E_BOUND", f"more than {PROCESSES_MAX} processes run")
    return pids


@contextmanager
def _opened(one: _Held) -> Iterator[int]:
    """The removed file open for writing, through the descriptor of who holds it; refuses another one behind it."""
    try:
        descriptor = os.open(one.descriptor, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused("E_TARGET_DRIFTED", f"{one.path} is not held open any more: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino, status.st_nlink) != (one.device, one.inode, 0):
            raise Refused("E_TARGET_DRIFTED", f"{one.path} is another file than when the plan was made")
        yield descriptor
    finally:
        os.close(descriptor)
