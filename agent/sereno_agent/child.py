"""Runs one worker process: bounded in time and output, killed as a group when it overruns, never outliving its parent.

The worker's standard input stays open as its lifeline: when the parent dies, however it dies, the pipe closes and the
worker kills its own group. That works on every Unix and also reaches the worker's own children.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sereno_proto.errors import Refused
from sereno_proto.limits import WORKER_OUTPUT_BYTES_MAX

STDERR_BYTES_KEPT = 4096
_CHUNK = 65536


@dataclass
class Running:
    """A worker that another thread may stop."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    process: "subprocess.Popen[bytes] | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> None:
        """Kills the worker's group now; the waiting call ends soon after."""
        self.cancelled.set()
        with self.lock:
            if self.process is not None:
                kill_group(self.process)


@dataclass(frozen=True)
class Ended:
    """How a worker ended and what it wrote."""

    output: bytes
    errors: bytes
    exit_code: int
    overrun: str  # "" or what was exceeded: "time", "output"


def worker_environment() -> dict[str, str]:
    """A small environment: nothing of the parent's settings or secrets, the same import path."""
    paths = os.pathsep.join(entry for entry in sys.path if entry and os.path.isabs(entry))  # noqa: PTH117
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONPATH": paths}


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kills the process's whole group. Only called before it is waited for, so that the id cannot be another's."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def run(
    command: list[str],
    request: bytes,
    timeout_s: float,
    running: Running | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Starts the command in a group of its own, hands it the request, and waits for its end within the limits.

    Raises Refused with E_WORKER_FAILED when it cannot be started or was cancelled.
    """
    running = running or Running()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment if environment is not None else worker_environment()),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Refused("E_WORKER_FAILED", f"the worker cannot be started: {error}") from error
    with process:
        with running.lock:
            running.process = process
        try:
            if running.cancelled.is_set():
                raise Refused("E_WORKER_FAILED", "the worker was cancelled")
            streams = _Streams(process, request)
            overrun = streams.exchange(clock() + timeout_s, clock)
        finally:
            with running.lock:
                running.process = None
                kill_group(process)  # also when it ended well: nothing of its group may stay behind
            with contextlib.suppress(BrokenPipeError):
                if process.stdin:
                    process.stdin.close()
            exit_code = process.wait()
    if running.cancelled.is_set():
        raise Refused("E_WORKER_FAILED", "the worker was cancelled")
    return Ended(bytes(streams.output), bytes(streams.errors), exit_code, overrun)


class _Streams:
    """The three pipes of a worker while it runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", request: bytes) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr
        self.to_write = memoryview(request)
        self.output, self.errors = bytearray(), bytearray()
        self.open_outputs = 2

    def exchange(self, deadline: float, clock: Callable[[], float]) -> str:
        """Writes the request and reads until both outputs close; gives what was exceeded, or ''.

        stdin stays open afterwards: it is the lifeline.
        """
        with selectors.DefaultSelector() as selector:
            for stream in (self.stdin, self.stdout, self.stderr):
                os.set_blocking(stream.fileno(), False)
            selector.register(self.stdin, selectors.EVENT_WRITE)
            selector.register(self.stdout, selectors.EVENT_READ)
            selector.register(self.stderr, selectors.EVENT_READ)
            while self.open_outputs:
                left = deadline - clock()
                if left <= 0:
                    return "time"
                for key, _ in selector.select(left):
                    if key.fileobj is self.stdin:
                        self._write(selector)
                    else:
                        self._read(selector, key)
                if len(self.output) > WORKER_OUTPUT_BYTES_MAX:
                    return "output"
        return ""

    def _write(self, selector: selectors.BaseSelector) -> None:
        try:
            written = os.write(self.stdin.fileno(), self.to_write[:_CHUNK])
        except BrokenPipeError:
            written = len(self.to_write)
        self.to_write = self.to_write[written:]
        if not self.to_write:
            selector.unregister(self.stdin)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
            self.open_outputs -= 1
        elif key.fileobj is self.stderr:
            self.errors += chunk
            del self.errors[:-STDERR_BYTES_KEPT]
        else:
            self.output += chunk
