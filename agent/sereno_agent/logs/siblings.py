"""The files beside a log that are older parts of it, by name, content and time of writing."""

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from sereno_agent.logs.place import Key
from sereno_proto.limits import LOG_FILES_MAX

_PACKED: Final = (".gz", ".xz", ".zst", ".bz2", ".zip", ".lz4", ".lzo", ".Z", ".tmp", ".swp")
# What rotation adds to a name: a number or a date, or a word for "the one before". Never the name of another log.
_ADDED: Final = re.compile(r"(?:[._-]\d[\dT_:.+-]*|[._-](?:old|bak|prev|previous|orig)|~)+(?:\.log)?")
_ENTRIES_MAX: Final = 5000
SIBLINGS_MAX: Final = 100
OPENING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Sibling(NamedTuple):
    """A regular file beside a log whose name says that it may be an older part of it."""

    path: str
    found: os.stat_result

    @property
    def key(self) -> Key:
        return self.found.st_dev, self.found.st_ino


def listed(pattern: str, exclude: Collection[str]) -> list[str]:
    """The paths that a source names, without packed files; those written last where there are too many."""
    if not glob.has_magic(pattern):
        return [pattern]
    paths = [
        path
        for path in glob.iglob(pattern)  # noqa: PTH207, plain text is enough and costs less
        if not path.endswith(_PACKED) and not any(fnmatch.fnmatch(os.path.basename(path), e) for e in exclude)  # noqa: PTH119
    ]
    if len(paths) > LOG_FILES_MAX:
        paths = sorted(paths, key=_mtime_ns)[-LOG_FILES_MAX:]
    return sorted(paths)


def is_rotated_name(name: str, log: str) -> bool:
    """Whether a file name is the log's with something that rotation adds: app.log.1, app.log-20260101, app-1.log."""
    if name == log or name.endswith(_PACKED):
        return False
    if name.startswith(log) and _ADDED.fullmatch(name[len(log) :]):
        return True
    stem, dot, suffix = log.rpartition(".")
    tail = dot + suffix
    return bool(
        stem and name.startswith(stem) and name.endswith(tail) and _ADDED.fullmatch(name[len(stem) : -len(tail)])
    )


def siblings(path: str) -> list[Sibling]:
    """The older parts of a log in its folder, the one written first at the front. Raises OSError."""
    folder, log = os.path.split(path)
    found = []
    for name, entry in _entries(folder):
        if is_rotated_name(name, log):
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                found.append(Sibling(os.path.join(folder, name), status))  # noqa: PTH118
    return sorted(found, key=lambda sibling: (sibling.found.st_mtime_ns, sibling.path))[-SIBLINGS_MAX:]


def _entries(folder: str) -> "Iterator[tuple[str, os.DirEntry[str]]]":
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _ENTRIES_MAX:
                return
            yield entry.name, entry


def _mtime_ns(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0
