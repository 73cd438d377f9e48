"""The index of watched files' versions, as the agent's collector writes it: `versions/index.json`.

{"app-config": [["sha256:…", size, modified_ms, seen_ms, kept], ...]}   newest last
"""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from sereno_diagnostics import confined
from sereno_proto.errors import Refused

INDEX: Final = "index.json"
STATUS: Final = "status.json"
_BYTES_MAX: Final = 8 << 20
_FIELDS: Final = 5


def own_status(state: Path) -> dict[str, Any]:
    """status.json, as the core writes it every few seconds; empty when there is none, or it is damaged."""
    core = state / "core"
    try:
        with (
            confined.open_folder(core if core.is_dir() else state) as folder,
            confined.open_regular(folder, STATUS) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            found = json.loads(file.read(_BYTES_MAX))
    except (OSError, Refused, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Version(NamedTuple):
    """A watched file as it was seen once."""

    digest: str  # `sha256:…`, `absent`, or empty where it was too big to be read
    size_bytes: int
    modified_ms: int
    seen_ms: int
    kept: bool


def history(versions: Path, file: str) -> tuple[Version, ...]:
    """The versions seen of a file, newest last; none when there is no index, or it is damaged."""
    try:
        with (
            confined.open_folder(versions) as folder,
            confined.open_regular(folder, INDEX) as descriptor,
            open(descriptor, "rb", closefd=False) as index,
        ):
            rows = json.loads(index.read(_BYTES_MAX)).get(file, [])
    except (OSError, Refused, ValueError, AttributeError):
        return ()
    if not isinstance(rows, list):
        return ()
    return tuple(_version(row) for row in rows if isinstance(row, list) and len(row) == _FIELDS)


def _version(row: list[object]) -> Version:
    digest, size, modified, seen, kept = row
    whole = [value if isinstance(value, int) else 0 for value in (size, modified, seen)]
    return Version(str(digest), whole[0], whole[1], whole[2], kept is True)
