"""The one way in which checks read: through names of the policy, bounded in entries, depth, bytes and time."""

import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sereno_diagnostics import confined, logfiles, procfs, reading_commands, systemd
from sereno_diagnostics.allowed import Allowed, NamedHost, NamedLog, WatchedFile, WatchedFolder, WatchedService
from sereno_diagnostics.history import Version, history, own_status
from sereno_diagnostics.machine import Lookup, Machine, Nothing, Program, Space, Status
from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.limits import (
    FOLDER_DEPTH_MAX,
    FOLDER_ENTRIES_MAX,
    PROCESSES_MAX,
    RESOLVE_TIMEOUT_S,
    WATCHED_FILE_BYTES_MAX,
)

PROBES: Final = {
    "look_up": "a host of the policy is looked up",
    "connect": "a TCP connection is opened and closed",
    "shake": "a TLS handshake is made",
    "fetch": "one GET is sent",
    "plug": "the plugin is run",
    "query": "the database is asked, in a read-only transaction",
    "space": "the room on mounted file systems",
    "clock": "the kernel's clock",
    "own": "what the agent says of itself",
    "certificate": "a certificate file of the policy",
}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Entry:
    """One regular file below a folder."""

    path: str  # relative to the folder
    inode: int
    size_bytes: int
    modified_s: float
    links: int
    mode: int = 0


@dataclass(frozen=True)
class Filesystem:
    """The file system that a folder lies on."""

    size_bytes: int
    used_bytes: int
    free_bytes: int  # for an ordinary user


@dataclass(frozen=True)
class FileState:
    """A watched file as it is now."""

    size_bytes: int
    modified_s: float
    digest: str  # "" when it is unreadable or too big


class Reader:
    """What a check may read: what the policy names, and what the check itself declares in READS, nothing else.

    `truncated` says that a bound cut something off.
    """

    def __init__(
        self,
        allowed: Allowed,
        now_s: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        machine: Machine | None = None,
    ) -> None:
        self.allowed = allowed
        self.now_s = now_s
        self.clock = clock
        self.sleep = sleep
        self._machine: Machine = machine or Nothing()
        self._reads: tuple[str, ...] = ()
        self.truncated = False

    def declare(self, reads: Sequence[str]) -> None:
        """Sets what may be read from here on: commands, probes, and files.

        A `*` in a path stands within one of its parts, a last `**` for whatever lies below.
        """
        self._reads = tuple(reads)

    def probe(self, name: str) -> Machine:
        """The machine, to use its faculty of that name; raises E_OUTSIDE_POLICY when the check declares none."""
        self._require(name)
        return self._machine

    def text(self, path: str) -> str | None:
        """A file of the system as a whole; None when it is missing, unreadable or beyond the bound."""
        self._require(path)
        return self._machine.read(path)

    def end_of(self, path: str, size_bytes: int) -> str | None:
        """The end of a regular file of the system; None when it is missing, a link or unreadable."""
        self._require(path)
        return self._machine.tail(path, size_bytes)

    def integer(self, path: str) -> int | None:
        """A file that holds one whole number; None when it is missing or holds anything else."""
        try:
            return int(self.text(path) or "")
        except ValueError:
            return None

    def look(self, path: str, *, follow: bool = False) -> Status | None:
        """What lies at a path, a link itself unless followed; None when nothing does, or it may not be asked."""
        self._require(path)
        return self._machine.look(path, follow=follow)

    def target(self, path: str) -> str:
        """Where a link leads; empty when there is none or it may not be read."""
        self._require(path)
        return self._machine.target(path)

    def names(self, folder: str) -> list[str]:
        """The names in a folder of which something is declared; none when it is missing or unreadable."""
        if not any(_above(pattern, folder) for pattern in self._reads):
            raise _undeclared(folder)
        return self._machine.names(folder)

    def told(self, command: str, **gaps: str) -> str | None:
        """What a reading command writes; None when the machine has none such or it does not end in time."""
        self._require(command)
        vector = reading_commands.vector(command, gaps)
        asked = reading_commands.COMMANDS[command]
        return self._machine.ask(*vector, timeout_s=asked.timeout_s, codes=asked.codes, scratch=asked.scratch)

    def spaces(self) -> dict[str, tuple[procfs.Mount, Space]]:
        """Local file systems by mount point, one a device; network file systems are not asked: one that hangs would."""
        self._require("/proc/self/mounts")
        self._require("space")
        found: dict[str, tuple[procfs.Mount, Space]] = {}
        for mount in procfs.mounts(self._machine.read("/proc/self/mounts") or ""):
            space = self._machine.space(mount.point) if mount.local else None
            if space is not None and space.size_bytes:
                found[mount.point] = mount, space
        return found

    def own_status(self) -> dict[str, Any]:
        """What the agent's core last said of itself; empty when it has not."""
        self._require("own")
        return own_status(self.allowed.state)

    def log_end(self, log: NamedLog, size_bytes: int) -> list[tuple[str, str]]:
        """The ends of a log source's newest files, newest first: path and text."""
        return logfiles.ends(log, size_bytes)

    def _require(self, wanted: str) -> None:
        if not any(pattern == wanted or (pattern.startswith("/") and _matches(pattern, wanted))
                   for pattern in self._reads):  # fmt: skip
            raise _undeclared(wanted)

    def files(self, folder: WatchedFolder) -> list[Entry]:
        """Every regular file in the folder and below, without following links or entering other file systems.

        A file with several hard links is given once.

        Raises Refused with E_OUTSIDE_POLICY when the folder itself cannot be opened.
        """
        entries: list[Entry] = []
        with confined.open_folder(folder.path) as descriptor:
            device = os.fstat(descriptor).st_dev
            linked: set[int] = set()
            for entry in self._walk(descriptor, "", device, 0):
                if entry.links > 1:
                    if entry.inode in linked:
                        continue
                    linked.add(entry.inode)
                if len(entries) >= FOLDER_ENTRIES_MAX:
                    self.truncated = True
                    break
                entries.append(entry)
        return entries

    def filesystem(self, folder: WatchedFolder) -> Filesystem:
        """Size and use of the file system under the folder."""
        with confined.open_folder(folder.path) as descriptor:
            figures = os.fstatvfs(descriptor)
        size, free = figures.f_blocks * figures.f_frsize, figures.f_bavail * figures.f_frsize
        return Filesystem(size, size - figures.f_bfree * figures.f_frsize, free)

    def watched_file(self, file: WatchedFile) -> FileState | None:
        """The file's size, time of change and digest; None when it does not exist. Its content stays here."""
        with confined.open_folder(file.path.parent) as descriptor:
            status = confined.status(descriptor, file.path.name)
            if status is None:
                return None
            digest = ""
            if stat.S_ISREG(status.st_mode) and status.st_size <= WATCHED_FILE_BYTES_MAX:
                digest = self._digest(descriptor, file.path.name)
            return FileState(status.st_size, status.st_mtime, digest)

    def versions(self, file: WatchedFile) -> tuple[Version, ...]:
        """The file's versions as the agent saw them, newest last."""
        return history(self.allowed.versions, file.name)

    def unit(self, service: WatchedService) -> systemd.Unit | None:
        """The service's properties as systemd tells them; None where there is no systemd, or it does not answer."""
        if not self.has_systemd():
            return None
        units = systemd.parse(self.told("unit", unit=service.unit) or "")
        return units[0] if units else None

    def has_systemd(self) -> bool:
        """Whether systemd runs this machine."""
        return "system" in self.names("/run/systemd")

    def units(self) -> list[systemd.Unit] | None:
        """All services and timers; None where there is no systemd, or it does not answer."""
        return systemd.parse(self.told("units") or "") or None if self.has_systemd() else None

    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes, and the counts of /proc/vmstat."""
        texts = (self.text(f"/proc/{name}") or "" for name in ("vmstat", "meminfo"))
        return {key: value for text in texts for key, value in procfs.table(text).items()}

    def memory_counts(self) -> dict[str, int]:
        """The counts of /proc/vmstat alone."""
        return procfs.table(self.text("/proc/vmstat") or "")

    def pressure(self, resource: str) -> dict[str, dict[str, float]]:
        """Pressure stall information of cpu, io or memory; empty where the kernel tells none."""
        return procfs.pressure(self.text(f"/proc/pressure/{resource}") or "")

    def programs(self) -> list[Program]:
        """What runs, by name, what takes most memory first."""
        found: dict[str, tuple[int, int]] = {}
        for process in self.processes():
            count, pages = found.get(process.name, (0, 0))
            found[process.name] = count + 1, pages + process.pages
        programs = [Program(name, count, pages * _PAGE_BYTES) for name, (count, pages) in found.items()]
        return sorted(programs, key=lambda program: (-program.resident_bytes, program.name))

    def processes(self) -> list[procfs.Process]:
        """Everything that runs, by process id."""
        pids = [name for name in self.names("/proc") if name.isdigit()]
        self.truncated |= len(pids) > PROCESSES_MAX
        texts = ((int(pid), self.text(f"/proc/{pid}/stat") or "") for pid in pids[:PROCESSES_MAX])
        return [process for pid, text in texts if (process := procfs.whole_process(pid, text)) is not None]

    def look_up(self, host: NamedHost) -> Lookup:
        """Asks this machine's resolver for the host's addresses."""
        self._require("look_up")
        started = self.clock()
        try:
            addresses, error = tuple(self._machine.resolve(host.host, RESOLVE_TIMEOUT_S)), ""
        except TimeoutError:
            addresses, error = (), f"no answer within {RESOLVE_TIMEOUT_S:g} s"
        except OSError as raised:
            addresses, error = (), raised.strerror or str(raised)
        return Lookup(addresses, self.clock() - started, error)

    def name_servers(self) -> list[str]:
        """The servers that this machine asks for names."""
        lines = (line.split() for line in (self.text("/etc/resolv.conf") or "").splitlines())
        return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]

    def _digest(self, folder: int, name: str) -> str:
        try:
            with confined.open_regular(folder, name) as descriptor, open(descriptor, "rb", closefd=False) as content:
                return sha256(content.read(WATCHED_FILE_BYTES_MAX))
        except Exception:  # noqa: BLE001, unreadable is a state of a file, not a fault
            return ""

    def _walk(self, folder: int, prefix: str, device: int, depth: int) -> Iterator[Entry]:
        try:
            found = os.scandir(folder)
        except OSError:
            self.truncated = True
            return
        with found:
            for item in found:
                try:
                    status = item.stat(follow_symlinks=False)
                except OSError:
                    continue  # removed in the meantime
                path = f"{prefix}{item.name}"
                if stat.S_ISREG(status.st_mode):
                    yield Entry(path, status.st_ino, status.st_size, status.st_mtime, status.st_nlink, status.st_mode)
                elif stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    yield from self._below(folder, item.name, path, device, depth + 1)

    def _below(self, folder: int, name: str, path: str, device: int, depth: int) -> Iterator[Entry]:
        if depth > FOLDER_DEPTH_MAX:
            self.truncated = True
            return
        try:
            descriptor = os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            self.truncated = True  # unreadable, or swapped for a link just now
            return
        try:
            yield from self._walk(descriptor, f"{path}/", device, depth)
        finally:
            os.close(descriptor)


def _undeclared(what: str) -> Refused:
    return Refused("E_OUTSIDE_POLICY", f"the check does not declare that it reads {what[:200]!r}")


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    if text.endswith("/**"):
        return re.compile(re.escape(text[:-3]) + r"(?:/[^/]+)+")
    return re.compile("[^/]+".join(re.escape(part) for part in text.split("*")))


def _matches(pattern: str, path: str) -> bool:
    return "/.." not in path and _pattern(pattern).fullmatch(path) is not None


def _above(pattern: str, folder: str) -> bool:
    """Whether a folder's names are what the pattern leaves open: its next part has a `*`, or it ends in `/**`."""
    if pattern.endswith("/**"):
        return folder == pattern[:-3] or _matches(pattern, folder)
    parts, depth = pattern.split("/"), folder.count("/") + 1
    return len(parts) > depth and "*" in parts[depth] and _matches("/".join(parts[:depth]), folder)
