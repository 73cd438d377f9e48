"""What collectors read of the machine: small files below a root, and the output of a few programs.

Both are arguments, so that recorded machines can stand in. What is not there is None, never an error: a facility that
a machine lacks has no series.
"""

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sereno_agent.registry import NoRegistry, Registry, WindowsRegistry
from sereno_proto.errors import Refused
from sereno_proto.limits import WORKER_OUTPUT_BYTES_MAX

FILE_BYTES_MAX: Final = 4 << 20
ASK_TIMEOUT_S: Final = 20.0
RECENT_S: Final = 8.0  # what runs apart begins a few seconds behind the rest
RECENT_CHARS_MAX: Final = 65_536
_SMALL: Final = 4_096  # most files of /proc end within it; a larger buffer costs the heap a growth each time
_CHUNK: Final = 32_768
_PATH: Final = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
# Nothing of Python's: what is asked may be written in Python too (dnf), in an older one.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}

Codes = Collection[int] | None  # the exit codes that stand for an answer; None: all
Ask = Callable[[Sequence[str], bytes, float, Codes], str | None]


def program(name: str) -> str | None:
    """Where a program lies, in the system's own folders only; None when this machine does not have it."""
    if name.startswith("/"):
        return name
    folders = _windows_folders() if sys.platform == "win32" else _PATH
    return next((path for folder in folders if os.access(path := f"{folder}/{name}", os.X_OK)), None)


def _windows_folders() -> tuple[str, ...]:
    system = os.environ.get("SYSTEMROOT", "C:\\Windows") + "\\System32"
    return system, f"{system}\\WindowsPowerShell\\v1.0"


def ask_simply(path: str, command: Sequence[str], timeout_s: float, codes: Codes) -> str | None:
    """As `ask`, where there are no process groups and pipes cannot be waited for (Windows)."""
    import subprocess  # noqa: PLC0415, as `child`

    try:
        done = subprocess.run(
            [path, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    refused = codes is not None and done.returncode not in codes
    return None if refused else done.stdout[:WORKER_OUTPUT_BYTES_MAX].decode("utf-8", "replace")


def ask(
    command: Sequence[str], request: bytes = b"", timeout_s: float = ASK_TIMEOUT_S, codes: Codes = None
) -> str | None:
    """What a program writes, None when this machine has no such program or it does not answer in time.

    It runs in a process group of its own, bounded in time and output, with a small environment.
    """
    path = program(command[0])
    if path is None:
        return None
    if sys.platform == "win32":
        return ask_simply(path, command, timeout_s, codes)
    # Imported when the first program is asked: many machines have none to ask.
    from sereno_agent import child  # noqa: PLC0415

    try:
        ours = None if command[0] == sys.executable else _ENVIRONMENT
        ended = child.run([path, *command[1:]], request, timeout_s, environment=ours)
    except Refused:
        return None
    if ended.overrun or (codes is not None and ended.exit_code not in codes):
        return None
    return ended.output.decode("utf-8", "replace")


def _machine() -> str:
    return os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


class Host:
    """One machine. root: what stands before every path ("" is the real one). privileged: whether this user is root."""

    __slots__ = ("_ask", "_clock", "_recent", "machine", "privileged", "registry", "root")

    def __init__(
        self,
        root: str = "",
        ask_: Ask = ask,
        clock: Callable[[], float] = time.monotonic,
        *,
        machine: str = "",
        privileged: bool | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.root = root
        self.machine = machine or _machine()
        self.registry: Registry = registry or (WindowsRegistry() if sys.platform == "win32" else NoRegistry())
        self.privileged = _is_root() if privileged is None else privileged
        self._ask = ask_
        self._clock = clock
        self._recent: dict[str, tuple[float, str | None]] = {}

    def read(self, path: str) -> str | None:
        """A file's whole text; None when it is missing, unreadable or beyond the bound."""
        content = self.content(path)
        return None if content is None else content.decode("utf-8", "replace")

    def recent(self, path: str) -> str | None:
        """As `read`, but what was read moments ago is not read again: the kernel walks far for its lists of sockets."""
        now = self._clock()
        at, text = self._recent.get(path, (float("-inf"), None))
        if now - at > RECENT_S:
            text = self.read(path)
            # A long one is not worth the memory that it would take between two readings.
            self._recent[path] = (now, text) if len(text or "") <= RECENT_CHARS_MAX else (float("-inf"), None)
        return text

    def content(self, path: str) -> bytes | None:
        """A file's bytes; None when it is missing, unreadable or beyond the bound."""
        try:
            fd = os.open(self.root + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return None
        try:
            content = os.read(fd, _SMALL)
            # A short read of /proc may be followed by more; only an empty one is the end.
            while (chunk := os.read(fd, _CHUNK)) and len(content) <= FILE_BYTES_MAX:
                content += chunk
        except OSError:
            return None
        finally:
            os.close(fd)
        return content if len(content) <= FILE_BYTES_MAX else None

    def line(self, path: str) -> str:
        """A file's text without white space at its ends; empty when there is none."""
        return (self.read(path) or "").strip()

    def integer(self, path: str) -> int | None:
        """A file that holds one whole number; None when it is missing or holds anything else."""
        try:
            return int(self.read(path) or "")
        except ValueError:
            return None

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none when it is missing or unreadable."""
        try:
            return sorted(os.listdir(self.root + folder))  # noqa: PTH208, a Path for each is dearer
        except OSError:
            return []

    def readable(self, folder: str) -> bool:
        """Whether this user may list a folder."""
        return os.access(self.root + folder, os.R_OK | os.X_OK)

    def modified_s(self, path: str) -> float | None:
        """When a file or folder changed last, epoch seconds; None when there is none."""
        try:
            return os.stat(self.root + path).st_mtime  # noqa: PTH116
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Whether something lies at the path."""
        return os.path.exists(self.root + path)  # noqa: PTH110

    def ask(
        self, *command: str, request: bytes = b"", timeout_s: float = ASK_TIMEOUT_S, codes: Codes = None
    ) -> str | None:
        """What a program writes; None when this machine does not have it or it does not end in time.

        codes: the exit codes that stand for an answer, where silence would be taken for "nothing". None: all do.
        """
        return self._ask(command, request, timeout_s, codes)
