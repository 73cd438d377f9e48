"""Runs one plugin of the policy within limits, and ends whatever it leaves behind. Only a check's worker does this.

The worker makes itself the reaper of its descendants (Linux), so that a process that leaves the group, or forks twice,
still becomes its child when its own parent ends, and is found and killed here.
"""

import contextlib
import ctypes
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sereno_diagnostics.machine import PluginEnd
from sereno_proto.limits import PLUGIN_OUTPUT_BYTES_MAX, PLUGIN_PROCESSES_MAX

_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
_PR_SET_CHILD_SUBREAPER: Final = 36
_SWEEPS_MAX: Final = 200
_UNKNOWN: Final = 3


def run(command: Sequence[str], timeout_s: float) -> PluginEnd:
    """Its exit code and output. error says why it could not be started."""
    _reap_descendants()
    try:
        with _few_processes():
            # In the worker's own group, so that whatever ends the worker ends it too.
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_ENVIRONMENT,
                cwd="/",
            )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return PluginEnd(_UNKNOWN, "", error=str(error)[:200])
    with process:
        output, overrun = _read(process, time.monotonic() + timeout_s)
        if process.returncode is None:
            process.kill()
        exit_code = process.wait()
    return PluginEnd(_UNKNOWN if overrun else exit_code, output.decode("utf-8", "replace"), overrun, end_descendants())


def end_descendants() -> int:
    """Kills every descendant of this process, until none is left; gives how many there were."""
    ended: set[int] = set()
    for _ in range(_SWEEPS_MAX):
        left = _descendants()
        if not left:
            break
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        ended |= left
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)
    return len(ended)


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[bytes, str]:
    """The output until it ends, or until the plugin itself does: what it left behind may hold the pipe for ever."""
    assert process.stdout
    output = bytearray()
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready = selector.select(min(left, 0.1))
            ended = process.poll() is not None
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(descriptor, 65536):
                    output += chunk
                    if len(output) > PLUGIN_OUTPUT_BYTES_MAX:
                        return bytes(output[:PLUGIN_OUTPUT_BYTES_MAX]), "output"
                if ready and not chunk:
                    break  # every end of the pipe is closed
            if ended:
                return bytes(output), ""
        else:
            return bytes(output), "time"
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(output), "" if process.returncode is not None else "time"


@contextlib.contextmanager
def _few_processes() -> Iterator[None]:
    """What is started within may make a few more processes of this user than there are. Root is not bound by it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    # No file, for good: what is started within could raise a soft limit again.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    bound = _tasks_of(os.getuid()) + PLUGIN_PROCESSES_MAX
    if soft != resource.RLIM_INFINITY:
        bound = min(bound, soft)
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (bound, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def _tasks_of(user: int) -> int:
    count = 0
    for name in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208, thousands of them
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116
                    count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return count


def _reap_descendants() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants() -> set[int]:
    """Every process below this one."""
    parents: dict[int, int] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError):
                    text = Path(f"/proc/{name}/stat").read_text(errors="replace")
                    parents[int(name)] = int(text[text.rfind(")") + 2 :].split()[1])
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        parent = waiting.pop()
        below = [pid for pid, above in parents.items() if above == parent and pid not in found]
        found.update(below)
        waiting += below
    return found
