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
    allow: tuple[str, ...] = ()  # what actions may do to it: restart, stop, ...


@dataclass(frozen=True)
class NamedProcess:
    """Processes that actions may touch: those of this program and, where they are given, this argument and user."""

    name: str
    program: str  # as the kernel calls it, at most 15 characters
    argument: str = ""  # one whole word of its command line
    user: str = ""
    allow: tuple[str, ...] = ()  # kill, renice


@dataclass(frozen=True)
class NamedPackage:
    """A package that actions may install, upgrade, pin or roll back, as allow says."""

    name: str
    package: str
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class NamedMount:
    """A mounted file system that actions may remount. allow: ro, rw."""

    name: str
    path: Path
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class NamedVolume:
    """An LVM volume that may be made larger, with the file system on it."""

    name: str
    volume: str  # GROUP/VOLUME
    max_bytes: int


@dataclass(frozen=True)
class Slot:
    """One value of a template: a whole number within bounds, or one of these words."""

    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class NamedTemplate:
    """A configuration file that write_template may write: the owner's text, with `{slot}` where a value goes."""

    name: str
    path: Path
    text: str
    slots: Mapping[str, Slot] = field(default_factory=dict)
    validate: tuple[str, ...] = ()  # a command that says whether a file is good; `{file}` in it is the new one


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
    renew: tuple[str, ...] = ()  # the command by which renew_certificate renews it, with all its arguments


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
    processes: dict[str, NamedProcess] = field(default_factory=dict)
    packages: dict[str, NamedPackage] = field(default_factory=dict)
    mounts: dict[str, NamedMount] = field(default_factory=dict)
    volumes: dict[str, NamedVolume] = field(default_factory=dict)
    templates: dict[str, NamedTemplate] = field(default_factory=dict)
    journal_keep_bytes: int = 0  # the least that vacuum_journal must leave; 0: it may not be used
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
            "process": self.processes, "package": self.packages, "mount": self.mounts, "volume": self.volumes,
            "template": self.templates,
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

    def process(self, name: str) -> NamedProcess:
        """The processes of that name."""
        return _found("process", self.processes, name)

    def package(self, name: str) -> NamedPackage:
        """The package of that name."""
        return _found("package", self.packages, name)

    def mount(self, name: str) -> NamedMount:
        """The mount of that name."""
        return _found("mount", self.mounts, name)

    def volume(self, name: str) -> NamedVolume:
        """The volume of that name."""
        return _found("volume", self.volumes, name)

    def template(self, name: str) -> NamedTemplate:
        """The template of that name."""
        return _found("template", self.templates, name)


def _found(kind: str, known: Mapping[str, _Named], name: str) -> _Named:
    if name not in known:
        raise Refused("E_OUTSIDE_POLICY", f"the policy names no {kind} {name!r}")
    return known[name]
