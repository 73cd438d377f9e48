"""The few ways in which actions change files. Everything is relative to a descriptor of a folder of the policy."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import Allowed, WatchedFolder
from sereno_playbooks.protected import guard
from sereno_proto.errors import Refused
from sereno_proto.limits import ACTION_DIGEST_BYTES_MAX, FOLDER_ENTRIES_MAX
from sereno_proto.planned_step import Target

_CHUNK: Final = 1 << 20
_PREFIX: Final = ".sereno-"


@dataclass(frozen=True)
class Candidate:
    """A regular file directly in a folder of the policy that an action may plan to change."""

    name: str
    status: os.stat_result


@contextmanager
def open_folder(path: Path, allowed: Allowed) -> Iterator[int]:
    """A descriptor of a folder that actions may write in; raises E_OUTSIDE_POLICY or E_PROTECTED_PATH."""
    with confined.open_folder(path, guard(allowed)) as descriptor:
        yield descriptor


@contextmanager
def open_target(folder: int, path: Path, allowed: Allowed, *, write: bool = False) -> Iterator[int]:
    """A descriptor of a regular file without further hard links, that is not protected.

    Raises FileNotFoundError, E_OUTSIDE_POLICY or E_PROTECTED_PATH.
    """
    with confined.open_regular(folder, path.name, os.O_RDWR if write else os.O_RDONLY) as descriptor:
        status = os.fstat(descriptor)
        guard(allowed)(path, status)
        if status.st_nlink != 1:
            raise Refused("E_OUTSIDE_POLICY", f"{path} has {status.st_nlink} hard links, so other places would change")
        yield descriptor


def candidates(descriptor: int, folder: WatchedFolder, patterns: tuple[str, ...], allowed: Allowed) -> list[Candidate]:
    """The files directly in the folder that match a pattern and may be changed, by name. Links and others are left."""
    inspect = guard(allowed)
    found = []
    with os.scandir(descriptor) as entries:
        for number, entry in enumerate(entries):
            if number >= FOLDER_ENTRIES_MAX:
                raise Refused("E_BOUND", f"{folder.name} holds more than {FOLDER_ENTRIES_MAX} entries")
            if entry.name.startswith(_PREFIX) or not confined.plain_name(entry.name):
                continue
            if not any(fnmatchcase(entry.name, pattern) for pattern in patterns):
                continue
            with contextlib.suppress(FileNotFoundError, Refused):
                status = entry.stat(follow_symlinks=False)
                inspect(folder.path / entry.name, status)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                    found.append(Candidate(entry.name, status))
    return sorted(found, key=lambda candidate: candidate.name)


def digest_of(descriptor: int) -> str:
    """`sha256:HEX` of a whole open file, read from its start."""
    sha256, offset = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        sha256.update(chunk)
        offset += len(chunk)
    return f"sha256:{sha256.hexdigest()}"


def fingerprint(descriptor: int) -> str:
    """How a plan names a file's content: its digest, or `stat:SIZE:MTIME_NS` when it is too big to be read for that."""
    status = os.fstat(descriptor)
    if status.st_size > ACTION_DIGEST_BYTES_MAX:
        return f"stat:{status.st_size}:{status.st_mtime_ns}"
    return digest_of(descriptor)


def temporary_name() -> str:
    """An unguessable hidden name for a file that is about to become another."""
    return f"{_PREFIX}{secrets.token_hex(8)}"


def is_temporary(name: object) -> bool:
    """Whether a name is one that temporary_name made."""
    return isinstance(name, str) and name.startswith(_PREFIX) and confined.plain_name(name)


@contextmanager
def create(folder: int, name: str, like: os.stat_result) -> Iterator[int]:
    """A descriptor of a new file with the owner and mode of another; it is on the disk when the block ends."""
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.fstat(descriptor).st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        yield descriptor
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of it at the current position."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def replace(folder: int, name: str, temporary: str, content: bytes, unchanged: Callable[[], None]) -> None:
    """Puts new content under the name by one rename, keeping owner, mode and attributes.

    unchanged: called at the last moment before the rename; raises when the file is no longer the one meant.
    """
    with confined.open_regular(folder, name) as old, create(folder, temporary, os.fstat(old)) as new:
        write_all(new, content)
        _copy_attributes(old, new)
        os.fsync(new)
        unchanged()
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def discard(folder: int, name: str) -> None:
    """Removes a name if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    os.fsync(folder)


def direct_child(folder: WatchedFolder, target: Target) -> Path:
    """The target's path, which must name a file directly in the folder; raises E_OUTSIDE_POLICY."""
    path = Path(target.path)
    if path.parent != folder.path or not confined.plain_name(path.name):
        raise Refused("E_OUTSIDE_POLICY", f"{target.path!r} does not lie directly in {folder.name}")
    return path


def place(folder: int, temporary: str, name: str) -> None:
    """Gives a finished file its name; never replaces one that is there (FileExistsError)."""
    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    os.unlink(temporary, dir_fd=folder)
    os.fsync(folder)


def _copy_attributes(old: int, new: int) -> None:
    """Access lists and labels, where the system has them and lets us."""
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for attribute in os.listxattr(old):
                with contextlib.suppress(OSError):
                    os.setxattr(new, attribute, os.getxattr(old, attribute))
