"""The machine as a check's worker sees it: as collectors do, and probes of the network, plugins and databases.

What it starts stays in the worker's own group, and so ends with the worker whatever happens.
"""

import os
import queue
import resource
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sereno_agent import database_probe, plugin, probe_clock
from sereno_agent.child import worker_environment
from sereno_agent.host import ASK_TIMEOUT_S, Codes, Host, program
from sereno_diagnostics.machine import Connected, Fetched, Handshake, PluginEnd, Rows, Shown, Space, Status
from sereno_proto.limits import WORKER_OUTPUT_BYTES_MAX

if TYPE_CHECKING:
    from sereno_agent.database_settings import Database

_Result = TypeVar("_Result")


def ask_within(command: Sequence[str], request: bytes, timeout_s: float, codes: Codes) -> str | None:
    """What a program in the worker's own group writes; None when there is no such program or it takes too long."""
    path = program(command[0])
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *command[1:]],
            input=request,
            capture_output=True,
            timeout=timeout_s,
            env=worker_environment(),
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if codes is not None and done.returncode not in codes:
        return None
    return done.stdout[:WORKER_OUTPUT_BYTES_MAX].decode("utf-8", "replace")


class WorkerHost(Host):
    """One machine, as checks see it. databases: what agent.toml names."""

    __slots__ = ("_databases",)

    def __init__(self, root: str = "", databases: "Mapping[str, Database] | None" = None) -> None:
        super().__init__(root, ask_within)
        self._databases = dict(databases or {})

    def ask(
        self,
        *command: str,
        request: bytes = b"",
        timeout_s: float = ASK_TIMEOUT_S,
        codes: Codes = None,
        scratch: bool = False,
    ) -> str | None:
        """As the host; scratch: the program may write temporary files, where this worker may not write any."""
        if not scratch:
            return super().ask(*command, request=request, timeout_s=timeout_s, codes=codes)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        try:
            return super().ask(*command, request=request, timeout_s=timeout_s, codes=codes)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def tail(self, path: str, size_bytes: int) -> str | None:
        """The end of a regular file; None when it is missing, a link or unreadable."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            with open(os.open(self.root + path, flags), "rb") as file:  # noqa: PTH123, it is open already
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                file.seek(max(0, status.st_size - size_bytes))
                return file.read(size_bytes).decode("utf-8", "replace")
        except OSError:
            return None

    def look(self, path: str, *, follow: bool = False) -> Status | None:
        """What lies at a path, a link itself unless followed; None when nothing does, or it may not be asked."""
        try:
            found = os.stat(self.root + path, follow_symlinks=follow)  # noqa: PTH116
        except OSError:
            return None
        return Status(found.st_mode, found.st_size, found.st_mtime, found.st_nlink, found.st_uid)

    def target(self, path: str) -> str:
        """Where a link leads; empty when there is none or it may not be read."""
        try:
            return os.readlink(self.root + path)  # noqa: PTH115
        except OSError:
            return ""

    def space(self, mount: str) -> Space | None:
        """Room on the file system mounted there; None when it does not say."""
        try:
            found = os.statvfs(self.root + mount)
        except OSError:
            return None
        return Space(
            found.f_blocks * found.f_frsize,
            found.f_bavail * found.f_frsize,
            found.f_files,
            found.f_favail,
            bool(found.f_flag & os.ST_RDONLY),
        )

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:
        """The addresses of a name, by this machine's own resolver. Raises OSError, TimeoutError when it is late."""
        found = _within(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM), timeout_s)
        return list(dict.fromkeys(str(address[4][0]) for address in found))

    def connect(self, host: str, port: int, timeout_s: float) -> Connected:
        """Opens a TCP connection and closes it."""
        from sereno_agent import probe_network  # noqa: PLC0415, most checks need no cryptography

        return probe_network.connect(host, port, timeout_s)

    def shake(self, host: str, port: int, timeout_s: float) -> Handshake:
        """Makes a TLS handshake, and looks at what the server shows."""
        from sereno_agent import probe_network  # noqa: PLC0415, as above

        return probe_network.shake(host, port, timeout_s)

    def certificates(self, path: str) -> tuple[Sequence[Shown], str]:
        """The certificates of a file, or why they cannot be read."""
        from sereno_agent import probe_network  # noqa: PLC0415, as above

        return probe_network.certificates(path)

    def fetch(self, url: str, timeout_s: float) -> Fetched:
        """One GET, following nothing. A server that sends a byte now and then does not hold it for longer."""
        from sereno_agent import probe_network  # noqa: PLC0415, as above

        started = time.monotonic()
        try:
            return _within(lambda: probe_network.fetch(url, timeout_s), timeout_s)
        except (TimeoutError, OSError):
            return Fetched(0, time.monotonic() - started, "no whole answer in time")

    def plug(self, command: Sequence[str], timeout_s: float) -> PluginEnd:
        """Runs a plugin of the policy within limits, and ends whatever it leaves behind."""
        return plugin.run(command, timeout_s)

    def query(self, database: str, statement: str) -> Rows:
        """Asks one database of agent.toml, read-only."""
        return database_probe.rows(self._databases[database], statement)

    def clock(self) -> Mapping[str, float]:
        """What the kernel says of its clock."""
        return probe_clock.read()

    def databases(self) -> Mapping[str, str]:
        """The databases of agent.toml, and of which kind each is."""
        return {name: database.kind for name, database in self._databases.items()}


def _within(work: Callable[[], _Result], timeout_s: float) -> _Result:
    """What the work gives. The system takes no deadline for some calls; a thread that it holds ends with the worker."""
    answer: queue.SimpleQueue[tuple[_Result | None, OSError | None]] = queue.SimpleQueue()

    def begin() -> None:
        try:
            answer.put((work(), None))
        except OSError as error:
            answer.put((None, error))
        except UnicodeError as error:
            answer.put((None, OSError(str(error))))

    threading.Thread(target=begin, daemon=True).start()
    try:
        found, error = answer.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None or found is None:
        raise error or OSError("nothing came")
    return found
