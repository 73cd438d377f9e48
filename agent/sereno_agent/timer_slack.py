"""Lets threads that a library starts sleep a little longer than they ask for, so that the machine wakes less often.

gRPC's idle threads look for work on timers, from every 15 ms up to every 3 s, and begin anew after each message. Linux
may end such a sleep late by the thread's slack, when the processor is awake for something else anyway; a thread takes
its slack from the one that starts it. What is signalled, or arrives on a socket, is never late. See prctl(2),
PR_SET_TIMERSLACK, and docs/agent-weight.md for what it saves.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SLACK: Final = Path("/proc/self/timerslack_ns")  # of the main thread, which alone may write it


@contextlib.contextmanager
def of_new_threads(slack_ms: int, file: Path = _SLACK) -> Iterator[None]:
    """Threads that the main thread starts within have this slack. Where the system has none, nothing differs."""
    try:
        before = file.read_bytes()
        _write(file, str(slack_ms * 1_000_000).encode())
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _write(file, before.strip())


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_TRUNC)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
