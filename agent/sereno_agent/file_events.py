"""Says at once when a watched file or tree moved (Linux, inotify), so that nobody waits for the next sweep.

Folders are watched, not files: an editor puts a new file into the place of the old. Only ends of writing, renames and
removals count, so a log that grows beside a watched file costs nothing. Where this is not to be had, the sweep stays.
"""

import asyncio
import contextlib
import math
import os
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from sereno_agent.policy import Policy
from sereno_proto.limits import TREE_DEPTH_MAX

FOLDERS_MAX: Final = 1024
SETTLE_S: Final = 0.3  # what an editor does in several steps is looked at once
APART_S: Final = 2.0  # a file that is written all the time is looked at no more often
COLLECTORS: Final = ("watched_files", "watched_trees")
# IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR
_MASK: Final = 0x008 | 0x004 | 0x040 | 0x080 | 0x100 | 0x200 | 0x400 | 0x01000000
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_EVENT: Final = struct.Struct("iIII")
_OVERFLOW: Final = 0x4000
_ISDIR: Final = 0x40000000
_READ_BYTES: Final = 65_536

Moved = Callable[[tuple[str, ...]], None]


class FileEvents:
    """One inotify descriptor on the event loop. `follow` says what to watch, `moved` is called with the collectors."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._fd = -1
        self._library: Any = None
        self._folders: dict[int, str] = {}  # watch -> folder
        self._names: dict[str, set[str]] = {}  # folder -> file names that count; empty: all
        self._policy: Policy | None = None
        self._told = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, policy: Policy) -> None:
        """Watches the folders of this policy's files and trees; anew when it, or a tree's folders, differ."""
        if policy is self._policy:
            return
        self._policy = policy
        wanted: dict[str, set[str]] = {}
        for file in policy.files.values():
            wanted.setdefault(str(file.path.parent), set()).add(file.path.name)
        for tree in policy.trees.values():
            for folder in _folders(str(tree.path)):
                wanted[folder] = set()
        self.close()
        self._policy = policy
        if wanted and self._open():
            self._add(wanted)

    def close(self) -> None:
        """Lets go of the descriptor."""
        self._policy = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        self._folders, self._names = {}, {}

    def _open(self) -> bool:
        if not sys.platform.startswith("linux"):
            return False
        if self._library is None:
            # Imported when there is something to watch: 0.25 MB that other agents do without.
            import ctypes  # noqa: PLC0415

            self._library = ctypes.CDLL(None)
        try:
            self._fd = self._library.inotify_init1(_FLAGS)
        except AttributeError:  # a C library without it
            return False
        if self._fd < 0:
            return False
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        return True

    def _add(self, wanted: dict[str, set[str]]) -> None:
        for folder in sorted(wanted, key=len)[:FOLDERS_MAX]:
            watch = self._library.inotify_add_watch(self._fd, os.fsencode(folder), _MASK)
            if watch >= 0:
                self._folders[watch] = folder
                self._names[folder] = wanted[folder]

    def _read(self) -> None:
        try:
            content = os.read(self._fd, _READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        if self._counts(content) and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(SETTLE_S, self._told + APART_S - loop.time()), self._tell)

    def _counts(self, content: bytes) -> bool:
        place = 0
        counts = False
        while place + _EVENT.size <= len(content):
            watch, mask, _, length = _EVENT.unpack_from(content, place)
            name = os.fsdecode(content[place + _EVENT.size : place + _EVENT.size + length].rstrip(b"\0"))
            place += _EVENT.size + length
            names = self._names.get(self._folders.get(watch, ""))
            if mask & _OVERFLOW or (names is not None and (not names or name in names or not name)):
                counts = True
            if names is not None and not names and mask & _ISDIR:
                self._policy = None  # a folder came or went in a tree: followed anew at the next turn
        return counts

    def _tell(self) -> None:
        self._timer = None
        self._told = asyncio.get_running_loop().time()
        self._moved(COLLECTORS)


def _folders(top: str) -> Iterable[str]:
    """A tree's folders, the upper ones first, links not followed; those that cannot be read are left out."""
    waiting = [(top, 0)]
    for count, (folder, depth) in enumerate(waiting):
        if count >= FOLDERS_MAX:
            return
        yield folder
        if depth >= TREE_DEPTH_MAX:
            continue
        with contextlib.suppress(OSError), os.scandir(folder) as listing:
            waiting += [(entry.path, depth + 1) for entry in listing if entry.is_dir(follow_symlinks=False)]
