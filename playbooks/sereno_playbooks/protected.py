"""What no action ever touches: Sereno's own files, sudoers, PAM, accounts and authorized_keys (DESIGN 4.9).

Checked by name and by what a folder really is (device and inode), so that a bind mount does not lead around it.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sereno_diagnostics
import sereno_playbooks
import sereno_proto
from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.confined import Inspect
from sereno_proto.errors import Refused

_ETC: Final = Path("/etc")
_SYSTEM: Final = tuple(
    Path(path)
    for path in (
        "/etc/sudoers.d",
        "/etc/pam.conf",
        "/etc/pam.d",
        "/etc/security",
        "/etc/ssh",
        "/lib/security",
        "/usr/lib/pam.d",
    )
)
_ACCOUNTS: Final = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid", "sudoers")  # and their backups
_OWN: Final = "sereno-"  # units and their drop-ins, settings, the pinned release key
_NAMES: Final = (".ssh", "authorized_keys", "authorized_keys2")


def guard(allowed: Allowed) -> Inspect:
    """A function that refuses a protected folder or file with E_PROTECTED_PATH; called for each part of a path."""
    paths = (*_SYSTEM, *_own(allowed))
    identities = set(_identities(paths))

    def inspect(path: Path, status: os.stat_result) -> None:
        inside = any(path == protected or protected in path.parents for protected in paths)
        named = any(part.lower() in _NAMES for part in path.parts)
        named = named or (_ETC in path.parents and any(part.startswith(_OWN) for part in path.parts))
        named = named or (path.parent == _ETC and path.name.startswith(_ACCOUNTS))
        if inside or named or (status.st_dev, status.st_ino) in identities:
            raise Refused("E_PROTECTED_PATH", f"{path} is never touched by an action")
        if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            raise Refused("E_PROTECTED_PATH", f"{path} runs with another user's rights, so no action touches it")

    return inspect


def _own(allowed: Allowed) -> Iterator[Path]:
    yield allowed.state
    yield from allowed.protected
    for package in (sereno_diagnostics, sereno_playbooks, sereno_proto):
        yield from map(Path, package.__path__)


def _identities(paths: tuple[Path, ...]) -> Iterator[tuple[int, int]]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        yield status.st_dev, status.st_ino
