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
        _give(folder, executor, group, shared=shared)
        for _, folders_in_it, files, inside in os.fwalk(folder):
            for name in (*folders_in_it, *files):
                _give(name, executor, group, shared=shared, inside=inside)
    folders.ledger.touch(0o640)
    _give(folders.ledger, executor, group, shared=True)
    if folders.joined.exists():
        _give(folders.joined, 0, group, shared=True)
    for path in folders.core.iterdir():
        if path.lstat().st_uid == 0:
            os.chown(path, core, group, follow_symlinks=False)


def _give(path: Path | str, user: int, group: int, *, shared: bool, inside: int | None = None) -> None:
    """Changes owner and mode of what is opened, never of what a link leads to. shared: whether the group may read it.

    inside: a descriptor of the folder that a bare name is in.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=inside)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            enter = (0o110 if shared else 0o100) if stat.S_ISDIR(mode) else 0
            os.fchown(descriptor, user, group)
            os.fchmod(descriptor, (0o640 if shared else 0o600) | enter)
    finally:
        os.close(descriptor)
