"""Links to log files, as Kubernetes makes them: followed only into folders that the policy names.

A link is resolved to the file it leads to, and that path is what is followed: renames and truncations are seen there.
What was opened is asked again where it lies, since a folder on the way may have been swapped meanwhile.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


class Links:
    """Of one source. names: file -> the name of the link that led to it."""

    def __init__(self, pattern: str, folders: Sequence[Path]) -> None:
        # Real paths: a folder of the policy may itself be reached by a link that its owner made.
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        fixed = pattern.partition("*")[0].partition("?")[0].partition("[")[0]
        self._own = os.path.realpath(os.path.dirname(fixed) if fixed != pattern else os.path.dirname(pattern))  # noqa: PTH120
        self.names: dict[str, str] = {}

    @property
    def wanted(self) -> bool:
        """Whether the policy lets links be followed at all."""
        return bool(self._folders)

    def resolved(self, paths: Iterable[str]) -> list[str]:
        """The paths, links among them replaced by what they lead to; one that leads elsewhere stays a link."""
        if not self._folders:
            return list(paths)
        self.names.clear()
        found = []
        for path in paths:
            real = os.path.realpath(path)
            if real != path and self._inside(real, self._folders):
                self.names.setdefault(real, os.path.basename(path))  # noqa: PTH119
                found.append(real)
            else:
                found.append(path)
        return sorted(set(found))

    def allows(self, fd: int, path: str) -> bool:
        """Whether an open file lies where files of this source may lie; path: as it was opened."""
        if not self._folders:
            return True
        try:
            at = os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)")  # noqa: PTH115
        except OSError:
            at = os.path.realpath(path)  # not Linux
        return self._inside(at, (*self._folders, self._own))

    @staticmethod
    def _inside(path: str, folders: Iterable[str]) -> bool:
        return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)
