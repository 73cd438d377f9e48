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
class Allowed:
    """The names in force, and Sereno's own state folder, which no action ever changes on request.

    protected: further folders and files of Sereno's own (policy, settings, code).
    """

    state: Path
    folders: dict[str, WatchedFolder] = field(default_factory=dict)
    files: dict[str, WatchedFile] = field(default_factory=dict)
    protected: tuple[Path, ...] = ()

    @property
    def versions(self) -> Path:
        """Where earlier versions of watched files lie, as `sha256-HEX`."""
        return self.state / "versions"

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
