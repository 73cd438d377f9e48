"""Starts the programs of actions: vectors without a shell, trusted files only, bounded in time and output.

What is started stays in the worker's own group, and so ends with the worker whatever happens. It gets a small
environment and nothing to read. The worker's own limits of memory, open files and file sizes are lifted for it to what
the worker's hard ones allow: a package's scripts are not Sereno's code.
"""

import contextlib
import os
import resource
import selectors
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sereno_agent.host import program
from sereno_playbooks.programs import Ended
from sereno_proto.errors import Refused
from sereno_proto.limits import PROGRAM_OUTPUT_BYTES_MAX

_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
}
_CHUNK: Final = 65_536
LIFTED: Final = (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)  # apt writes even in a dry run


def start(command: Sequence[str], timeout_s: float) -> Ended | None:
    """How the program ended; None when this machine does not have it.

    Raises E_OUTSIDE_POLICY for a program that others than root and this user may change, E_WORKER_LIMIT when it
    exceeds its time or output.
    """
    found = program(command[0])
    if found is None or not Path(found).exists():
        return None
    require_trusted(Path(found))
    try:
        with _lifted_limits():
            process = subprocess.Popen(
                [found, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
            )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Refused("E_PROGRAM_FAILED", f"{command[0]} cannot be started: {error}") from error
    with process:
        output, errors, overrun = _read(process, time.monotonic() + timeout_s)
        if overrun:
            process.kill()
            raise Refused("E_WORKER_LIMIT", f"{command[0]} exceeded its {overrun} and was killed")
        return Ended(process.wait(), output, errors)


def require_trusted(path: Path) -> None:
    """Raises E_OUTSIDE_POLICY when somebody else than root and this user could put another program in its place."""
    real = path.resolve()
    for part in (real, *real.parents):
        status = part.stat()
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        others = status.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if status.st_gid else 0))
        if status.st_uid not in {0, os.geteuid()} or (others and not sticky):
            raise Refused("E_OUTSIDE_POLICY", f"{path} is not started: others may write to {part}")


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[str, str, str]:
    """Both outputs until they end, and what was exceeded: time, output, or nothing."""
    assert process.stdout
    assert process.stderr
    texts = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for descriptor in texts:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return "", "", "time"
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _CHUNK)
                texts[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
            if sum(map(len, texts.values())) > PROGRAM_OUTPUT_BYTES_MAX:
                return "", "", "output"
    output, errors = (bytes(text).decode("utf-8", "replace") for text in texts.values())
    return output, errors, ""


@contextlib.contextmanager
def _lifted_limits() -> Iterator[None]:
    """Soft limits up to the hard ones while a program is started, which inherits them."""
    before = {limit: resource.getrlimit(limit) for limit in LIFTED}
    try:
        for limit, (_, hard) in before.items():
            resource.setrlimit(limit, (hard, hard))
        yield
    finally:
        for limit, bounds in before.items():
            resource.setrlimit(limit, bounds)
