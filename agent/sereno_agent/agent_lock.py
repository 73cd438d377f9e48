"""At most one core a state folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from sereno_agent.folders import Folders
from sereno_proto.errors import BadInput


@contextlib.contextmanager
def held(folders: Folders) -> Iterator[None]:
    """Holds the lock; raises BadInput with E_AGENT_RUNNING when another process does."""
    lock = os.open(folders.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput("E_AGENT_RUNNING", f"an agent runs on {folders.state}") from None
        yield
    finally:
        os.close(lock)


def is_held(folders: Folders) -> bool:
    """Whether a core runs on this folder."""
    try:
        lock = os.open(folders.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
