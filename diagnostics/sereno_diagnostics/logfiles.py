"""The ends of a log source's newest files. The policy's path has wildcards; no link is followed on the way."""

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import NamedLog
from sereno_proto.errors import Refused

FILES_SHOWN: Final = 4
_ENTRIES_MAX: Final = 5000
_PACKED: Final = (".gz", ".xz", ".bz2", ".zst", ".lz4")


def ends(log: NamedLog, size_bytes: int) -> list[tuple[str, str]]:
    """Path and last bytes as text of the files that changed last, newest first."""
    found = sorted(_files(log), reverse=True)[:FILES_SHOWN]
    return [(str(path), text) for _, path in found if (text := _end(path, size_bytes)) is not None]


def _files(log: NamedLog) -> Iterator[tuple[float, Path]]:
    parts = log.path.parts
    count = next((number for number, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts) - 1)
    left = _ENTRIES_MAX
    folders = [Path(*parts[:count])]
    for part in parts[count:]:
        below = []
        for folder in folders:
            for name, status in _listed(folder):
                left -= 1
                if left < 0:
                    return
                if not fnmatchcase(name, part):
                    continue
                if stat.S_ISDIR(status.st_mode):
                    below.append(folder / name)
                elif stat.S_ISREG(status.st_mode) and part is parts[-1] and _wanted(log, name):
                    yield status.st_mtime, folder / name
        folders = below


def _wanted(log: NamedLog, name: str) -> bool:
    return not name.endswith(_PACKED) and not any(fnmatchcase(name, pattern) for pattern in log.exclude)


def _listed(folder: Path) -> list[tuple[str, os.stat_result]]:
    try:
        with confined.open_folder(folder) as descriptor, os.scandir(descriptor) as found:
            return [(item.name, item.stat(follow_symlinks=False)) for item in found if confined.plain_name(item.name)]
    except (OSError, Refused):
        return []


def _end(path: Path, size_bytes: int) -> str | None:
    try:
        with (
            confined.open_folder(path.parent) as folder,
            confined.open_regular(folder, path.name) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            whole = os.fstat(descriptor).st_size
            file.seek(max(0, whole - size_bytes))
            text = file.read(size_bytes).decode("utf-8", "replace")
    except (OSError, Refused):
        return None
    return text if whole <= size_bytes else text.partition("\n")[2]
