"""policy.toml: what the machine's owner allows. Missing or invalid means: no actions and no sessions."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from sereno_proto.errors import BadInput
from sereno_proto.ids import sha256


@dataclass(frozen=True)
class WatchedFolder:
    """A folder that collectors, checks and actions may use by its name."""

    name: str
    path: Path
    quota_bytes: int = 0  # 0 = none
    rotate: tuple[str, ...] = ()  # file names that rotate_logs may rotate
    remove: tuple[str, ...] = ()  # file names that remove_old_files may remove
    keep: int = 2  # the newest of them stay


@dataclass(frozen=True)
class WatchedFile:
    """A file whose changes are sent with a diff, and whose earlier versions are kept."""

    name: str
    path: Path
    restore: bool = False  # whether restore_file may put an earlier version back


@dataclass(frozen=True)
class Policy:
    """What is in force on this machine."""

    folders: dict[str, WatchedFolder] = field(default_factory=dict)
    files: dict[str, WatchedFile] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    collectors_denied: frozenset[str] = frozenset()
    redact: tuple[str, ...] = ()
    digest: str = ""
    error: str = ""  # why nothing is allowed; empty = valid


def load(path: Path) -> Policy:
    """Reads the policy; raises BadInput with E_POLICY_INVALID naming file and key."""
    try:
        content = path.read_bytes()
        document = tomllib.loads(content.decode())
    except (OSError, ValueError) as error:
        raise BadInput("E_POLICY_INVALID", f"{path}: {error}") from error
    return Policy(
        folders={
            name: WatchedFolder(
                name=name,
                path=Path(entry["path"]),
                quota_bytes=entry.get("quota_bytes", 0),
                rotate=tuple(entry.get("rotate", ())),
                remove=tuple(entry.get("remove", ())),
                keep=entry.get("keep", 2),
            )
            for name, entry in document.get("folders", {}).items()
        },
        files={
            name: WatchedFile(name=name, path=Path(entry["path"]), restore=entry.get("restore", False))
            for name, entry in document.get("files", {}).items()
        },
        actions=frozenset(document.get("actions", {}).get("allow", ())),
        collectors_denied=frozenset(document.get("collect", {}).get("deny", ())),
        redact=tuple(document.get("redact", {}).get("patterns", ())),
        digest=sha256(content),
    )
