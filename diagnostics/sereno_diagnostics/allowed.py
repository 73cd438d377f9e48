"""What the local policy lets checks and actions name: folders and files with names, never bare paths."""

from dataclasses import dataclass, field
from pathlib import Path

from sereno_proto.errors import Refused


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
    """A host name that dns_resolution may look up."""

    name: str
    host: str  # db.example.com


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
    protected: tuple[Path, ...] = ()

    @property
    def versions(self) -> Path:
        """Where earlier versions of watched files lie, as `sha256-HEX`: the core keeps them, in its own part."""
        core = self.state / "core"
        return (core if core.is_dir() else self.state) / "versions"

    def folder(self, name: str) -> WatchedFolder:
        """The folder of that name; raises E_OUTSIDE_POLICY."""
        if name not in self.folders:
            raise Refused("E_OUTSIDE_POLICY", f"the policy names no folder {name!r}")
        return self.folders[name]

    def file(self, name: str) -> WatchedFile:
        """The file of that name; raises E_OUTSIDE_POLICY."""
        if name not in self.files:
            raise Refused("E_OUTSIDE_POLICY", f"the policy names no file {name!r}")
        return self.files[name]

    def service(self, name: str) -> WatchedService:
        """The service of that name; raises E_OUTSIDE_POLICY."""
        if name not in self.services:
            raise Refused("E_OUTSIDE_POLICY", f"the policy names no service {name!r}")
        return self.services[name]

    def host(self, name: str) -> NamedHost:
        """The host of that name; raises E_OUTSIDE_POLICY."""
        if name not in self.hosts:
            raise Refused("E_OUTSIDE_POLICY", f"the policy names no host {name!r}")
        return self.hosts[name]
