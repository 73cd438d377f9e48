"""Earlier versions of watched files, by digest, and an index of which file had which when.

`versions/sha256-HEX` holds the content, `versions/index.json` maps a file's name to its versions, newest last.
restore_file takes content from here only. Bounded per file; a version that no name refers to is removed.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple, cast

from sereno_proto.limits import WATCHED_FILE_VERSIONS_MAX

INDEX: Final = "index.json"
ABSENT: Final = "absent"


class Version(NamedTuple):
    """A file as it was seen. digest is `sha256:…`, `absent`, or empty where the file was too big to be read."""

    digest: str
    size: int
    modified_ms: int
    seen_ms: int
    kept: bool  # whether the content is in the folder


class Versions:
    """The folder and its index. Damage of the index costs the history, never a start."""

    def __init__(self, folder: Path, versions_max: int = WATCHED_FILE_VERSIONS_MAX) -> None:
        self._folder = folder
        self._versions_max = versions_max
        self._index: dict[str, list[Version]] = {}
        try:
            read = json.loads((folder / INDEX).read_text())
            self._index = {name: [Version(*row) for row in rows] for name, rows in read.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            pass

    def last(self, name: str) -> Version | None:
        """The newest version seen of a file."""
        rows = self._index.get(name)
        return rows[-1] if rows else None

    def history(self, name: str) -> tuple[Version, ...]:
        """All versions still indexed, newest last."""
        return tuple(self._index.get(name, ()))

    def content(self, digest: str) -> bytes | None:
        """A kept version's content."""
        try:
            return self._path(digest).read_bytes()
        except OSError:
            return None

    def add(self, name: str, version: Version, content: bytes | None) -> None:
        """Keeps a version (content None: only that it was seen). Raises OSError when the disk refuses."""
        if content is not None:
            path = self._path(version.digest)
            if not path.exists():
                _write_atomically(path, content)
        rows = self._index.setdefault(name, [])
        rows.append(version._replace(kept=content is not None))
        removed = [row.digest for row in rows[: -self._versions_max]]
        del rows[: -self._versions_max]
        self._save()
        self._remove(removed)

    def forget(self, names: Iterable[str]) -> None:
        """Removes files that the policy no longer watches, with their contents."""
        removed = [row.digest for name in names for row in self._index.pop(name, [])]
        self._save()
        self._remove(removed)

    @property
    def names(self) -> set[str]:
        return set(self._index)

    def _remove(self, digests: Iterable[str]) -> None:
        used = {row.digest for rows in self._index.values() for row in rows}
        for digest in digests:
            if digest not in used and digest.startswith("sha256:"):
                self._path(digest).unlink(missing_ok=True)

    def _save(self) -> None:
        _write_atomically(self._folder / INDEX, json.dumps(cast("object", self._index), indent=1).encode() + b"\n")

    def _path(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-", 1)


def _write_atomically(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
