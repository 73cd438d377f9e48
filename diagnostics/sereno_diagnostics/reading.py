"""The one way in which checks read: through names of the policy, bounded in entries, depth, bytes and time."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sereno_diagnostics import confined, procfs, systemd
from sereno_diagnostics.allowed import Allowed, NamedHost, WatchedFile, WatchedFolder, WatchedService
from sereno_diagnostics.history import Version, history
from sereno_diagnostics.machine import Lookup, Machine, Nothing, Program
from sereno_proto.ids import sha256
from sereno_proto.limits import (
    FOLDER_DEPTH_MAX,
    FOLDER_ENTRIES_MAX,
    PROCESSES_MAX,
    RESOLVE_TIMEOUT_S,
    WATCHED_FILE_BYTES_MAX,
)

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Entry:
    """One regular file below a folder."""

    path: str  # relative to the folder
    inode: int
    size_bytes: int
    modified_s: float
    links: int


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
    """What a check may read. `truncated` says that a bound cut something off."""

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
        self.truncated = False

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
        if "system" not in self._machine.names("/run/systemd"):
            return None
        units = systemd.parse(self._machine.ask(*systemd.SHOW, service.unit) or "")
        return units[0] if units else None

    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes, and the counts of /proc/vmstat."""
        texts = (self._machine.read(f"/proc/{name}") or "" for name in ("vmstat", "meminfo"))
        return {key: value for text in texts for key, value in procfs.table(text).items()}

    def pressure(self, resource: str) -> dict[str, dict[str, float]]:
        """Pressure stall information of cpu, io or memory; empty where the kernel tells none."""
        return procfs.pressure(self._machine.read(f"/proc/pressure/{resource}") or "")

    def programs(self) -> list[Program]:
        """What runs, by name, what takes most memory first."""
        found: dict[str, tuple[int, int]] = {}
        pids = [name for name in self._machine.names("/proc") if name.isdigit()]
        self.truncated |= len(pids) > PROCESSES_MAX
        for pid in pids[:PROCESSES_MAX]:
            process = procfs.process(self._machine.read(f"/proc/{pid}/stat") or "")
            if process is not None:
                count, pages = found.get(process[0], (0, 0))
                found[process[0]] = count + 1, pages + process[5]
        programs = [Program(name, count, pages * _PAGE_BYTES) for name, (count, pages) in found.items()]
        return sorted(programs, key=lambda program: (-program.resident_bytes, program.name))

    def look_up(self, host: NamedHost) -> Lookup:
        """Asks this machine's resolver for the host's addresses."""
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
        lines = (line.split() for line in (self._machine.read("/etc/resolv.conf") or "").splitlines())
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
                    yield Entry(path, status.st_ino, status.st_size, status.st_mtime, status.st_nlink)
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
