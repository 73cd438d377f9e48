"""What the local policy lets checks and actions name: folders and files with names, never bare paths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sereno_proto.errors import Refused

_Named = TypeVar("_Named")


@dataclass(frozen=True)
class WatchedFolder:
    """A folder that collectors, checks and actions may use by its name."""

    name: str
    path: Path
    quota_bytes: int = 0  # 0 = none
    rotate: tuple[str, ...] = ()  # file names (globs, without folders) that rotate_logs may rotate
    remove: tuple[str, ...] = ()  # file names (globs, without folders) that remove_old_files may remove
    keep: int = 2  # the newest of them stay


@dataclass(frozen=True)
class WatchedFile:
    """A file whose changes are sent with a diff, and whose earlier versions are kept."""

    name: str
    path: Path
    restore: bool = False  # whether restore_file may put an earlier version back


@dataclass(frozen=True)
class WatchedTree:
    """A folder of which every file's changes are sent, in its subfolders too."""

    name: str
    path: Path
    include: tuple[str, ...] = ()  # file names (globs) that count; none: all
    exclude: tuple[str, ...] = ()  # names of files and folders (globs) that do not


@dataclass(frozen=True)
class WatchedService:
    """A service that is measured by itself and that checks may ask after. unit: as the system calls it."""

    name: str
    unit: str  # nginx.service


@dataclass(frozen=True)
class NamedHost:
    """A host that checks may look up, ask whether it answers, and connect to at these ports."""

    name: str
    host: str  # db.example.com
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class NamedUrl:
    """An address that http_probe may fetch, and what the answer must be."""

    name: str
    url: str
    status: int = 200
    contains: str = ""  # what the beginning of the answer must hold; empty: nothing is asked of it


@dataclass(frozen=True)
class NamedPlugin:
    """A program that speaks the Nagios plugin protocol, with all its arguments."""

    name: str
    command: tuple[str, ...]
    timeout_s: float = 10.0


@dataclass(frozen=True)
class NamedDatabase:
    """A database of agent.toml that checks may ask. kind: postgresql, mysql or sqlite."""

    name: str
    kind: str


@dataclass(frozen=True)
class NamedLog:
    """A log source: files (with wildcards in any part of the path) whose ends a check may read."""

    name: str
    path: Path
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchedCertificate:
    """A certificate whose expiry is watched: in a file, or shown by what listens at an address. One of them is set."""

    name: str
    path: Path | None = None  # PEM or DER
    listen: str = ""  # host:port


@dataclass(frozen=True)
class Allowed:
    """The names in force, and Sereno's own state folder, which no action ever changes on request.

    protected: further folders and files of Sereno's own (policy, settings, code).
    """

    state: Path
    folders: dict[str, WatchedFolder] = field(default_factory=dict)
    files: dict[str, WatchedFile] = field(default_factory=dict)
    services: dict[str, WatchedService] = field(default_factory=dict)
    hosts: dict[str, NamedHost] = field(default_factory=dict)
    urls: dict[str, NamedUrl] = field(default_factory=dict)
    plugins: dict[str, NamedPlugin] = field(default_factory=dict)
    certificates: dict[str, WatchedCertificate] = field(default_factory=dict)
    databases: dict[str, NamedDatabase] = field(default_factory=dict)
    logs: dict[str, NamedLog] = field(default_factory=dict)
    protected: tuple[Path, ...] = ()
    server: str = ""  # host:port that this device has joined; empty: none

    @property
    def versions(self) -> Path:
        """Where earlier versions of watched files lie, as `sha256-HEX`: the core keeps them, in its own part."""
        core = self.state / "core"
        return (core if core.is_dir() else self.state) / "versions"

    def of_kind(self, kind: str) -> Mapping[str, object]:
        """Everything of a parameter's kind by name; none for kinds that the policy does not name."""
        known: dict[str, Mapping[str, object]] = {
            "folder": self.folders, "file": self.files, "service": self.services, "host": self.hosts, "url": self.urls,
            "plugin": self.plugins, "certificate": self.certificates, "database": self.databases, "log": self.logs,
        }  # fmt: skip
        return known.get(kind, {})

    def folder(self, name: str) -> WatchedFolder:
        """The folder of that name; raises E_OUTSIDE_POLICY, as do those below."""
        return _found("folder", self.folders, name)

    def file(self, name: str) -> WatchedFile:
        """The file of that name."""
        return _found("file", self.files, name)

    def service(self, name: str) -> WatchedService:
        """The service of that name."""
        return _found("service", self.services, name)

    def host(self, name: str) -> NamedHost:
        """The host of that name."""
        return _found("host", self.hosts, name)

    def url(self, name: str) -> NamedUrl:
        """The address of that name."""
        return _found("url", self.urls, name)

    def plugin(self, name: str) -> NamedPlugin:
        """The plugin of that name."""
        return _found("plugin", self.plugins, name)

    def certificate(self, name: str) -> WatchedCertificate:
        """The certificate of that name."""
        return _found("certificate", self.certificates, name)

    def database(self, name: str) -> NamedDatabase:
        """The database of that name."""
        return _found("database", self.databases, name)

    def log(self, name: str) -> NamedLog:
        """The log source of that name."""
        return _found("log", self.logs, name)


def _found(kind: str, known: Mapping[str, _Named], name: str) -> _Named:
    if name not in known:
        raise Refused("E_OUTSIDE_POLICY", f"the policy names no {kind} {name!r}")
    return known[name]
