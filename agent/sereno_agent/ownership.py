"""Who owns what where core and executor are two users: the layout that installer/install.sh makes, kept by commands.

state folder       root, readable by the group: nobody else makes or removes anything directly in it
identity, plans    the executor's alone
tls, pins, runs    the executor's, readable by the core
ledger.jsonl       the executor's, readable by the core
core               the core's
"""

import os
import stat
from pathlib import Path

from sereno_agent.folders import Folders


def settle(folders: Folders) -> None:
    """Gives everything that root's commands made to whom it belongs. Does nothing where there is one user."""
    if not folders.split or os.geteuid() != 0:
        return
    executor, group = folders.runs.stat().st_uid, folders.state.stat().st_gid
    core = folders.core.stat().st_uid
    for folder, shared in (
        (folders.identity, False),
        (folders.plans, False),
        (folders.tls, True),
        (folders.pins, True),
        (folders.runs, True),
    ):
        _give(folder, executor, group, 0o750 if shared else 0o700)
        for path in folder.iterdir():
            _give(path, executor, group, 0o640 if shared else 0o600)
    folders.ledger.touch(0o640)
    _give(folders.ledger, executor, group, 0o640)
    if folders.joined.exists():
        _give(folders.joined, 0, group, 0o640)
    for path in folders.core.iterdir():
        if path.lstat().st_uid == 0:
            os.chown(path, core, group, follow_symlinks=False)


def _give(path: Path, user: int, group: int, mode: int) -> None:
    """Changes owner and mode of what is opened, never of what a link leads to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            os.fchown(descriptor, user, group)
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
