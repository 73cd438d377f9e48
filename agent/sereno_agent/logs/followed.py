"""Which files of a source are read, and from where: what was renamed, truncated, copied or came new is seen here.

A file is known by inode and content, never by its name. What is found is kept in `places`; nothing is read but the few
bytes that tell files apart.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from sereno_agent.logs.open_files import OpenFiles
from sereno_agent.logs.place import HEAD_BYTES, Key, Place, begin, copies, holds
from sereno_agent.logs.siblings import Sibling, is_rotated_name, listed, siblings
from sereno_agent.policy_logs import LogSource

RESCAN_S: Final = 10.0  # how often wildcards are resolved anew and rotated files looked after
UNDECIDED_S: Final = 5.0  # how long a file that may be a copy in the making is waited for

Say = Callable[[str], None]


class Followed:
    """The files of one source. places: all that are known; live: which lies at which path; rotated: older parts."""

    def __init__(
        self, source: LogSource, known: Iterable[Place] | None, files: OpenFiles, say: Say, now_ns: Callable[[], int]
    ) -> None:
        self._source = source
        self._links = files.links
        self._files = files
        self._say = say
        self._now_ns = now_ns
        self._first = known is None  # the source was never looked at
        self._scanned_ns = 0
        self._paths: list[str] = []
        self._sizes: dict[str, tuple[int, int]] = {}  # size and mtime by path, as last seen
        self.places: dict[Key, Place] = {place.key: place for place in known or ()}
        self.live: dict[str, Key] = {}
        self.rotated: dict[Key, float] = {}  # since when, by the monotonic clock
        self.pending: set[Key] = set()  # live files with something to read
        self.dirty: dict[Key, Place | None] = {}  # what is not committed yet
        for place in self.places.values():
            if not place.parked and not place.copy:
                self.live[place.path] = place.key

    def look(self, now: float, *, rescan: bool) -> None:
        """Notices what happened to the files since the last time. A path that is at rest costs one stat."""
        began_ns = self._now_ns()
        if rescan:
            self._paths = self._links.resolved(listed(str(self._source.path), self._source.exclude))
        for path in self._paths:
            self._look_at(path, now)
        if rescan:
            for path in [path for path in self.live if path not in self._paths]:
                self._look_at(path, now)
            self._look_after_parked(now)
            self._first, self._scanned_ns = False, began_ns

    def put(self, place: Place) -> None:
        """Takes a place in, to be committed."""
        self.places[place.key] = self.dirty[place.key] = place

    def drop(self, key: Key) -> None:
        """Forgets a file."""
        self.places.pop(key, None)
        self.rotated.pop(key, None)
        self.pending.discard(key)
        self.dirty[key] = None
        self._files.close(key)

    def park(self, key: Key) -> None:
        """A rotated file was read to its end; it is known again should it grow or should its copy turn up."""
        self.rotated.pop(key, None)
        self._files.close(key)
        self.put(replace(self.places[key], parked=True))

    def fd(self, key: Key) -> int | None:
        """The open file; None when it cannot be had any more. Raises OSError."""
        fd = self._files.get(key)
        if fd is None:
            self._find_by_inode(self.places[key].path, self.places[key])
            fd = self._files.get(key)
        return fd

    def _look_at(self, path: str, now: float) -> None:
        before = self.live.get(path)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            self._sizes.pop(path, None)
            if before is not None:
                self._moved_away(path, before, now)
            return
        if not stat.S_ISREG(found.st_mode):
            if path not in self._sizes:
                self._say(f"{path} is no regular file and is not followed")
            self._sizes[path] = (-1, 0)
            return
        key = (found.st_dev, found.st_ino)
        if self._sizes.get(path) == (found.st_size, found.st_mtime_ns) and (key == before or key in self.places):
            return
        if key == before:
            if self.places[key].position == 0:
                self._look_for_copies(path, key, found, now)
            self.pending.add(key)
        else:
            if before is not None:
                self._moved_away(path, before, now)
            if not self._take_up(path, now):
                return
        self._sizes[path] = (found.st_size, found.st_mtime_ns)

    def _take_up(self, path: str, now: float) -> bool:
        """A file that is new at this path: one that was read before, a copy, or a new one. False: not decided yet."""
        opened = self._files.open(path)
        others = [other for other, lies in self.live.items() if opened and lies == opened[0] and other != path]
        if others:  # its going away from there is noticed first, while it is still known what was read of it
            for other in others:
                self._look_at(other, now)
            opened = self._files.open(path)
        if opened is None:
            return False
        key, fd = opened
        found = os.fstat(fd)
        known = self.places.get(key)
        if known is not None and holds(fd, known):
            if key not in self.rotated and not known.copy and (not known.parked or found.st_size > known.position):
                self._goes_on(path, known, now)
            return True
        if known is not None and known.path == path and not known.parked and not known.copy:
            self.live[path] = key
            self.pending.add(key)  # truncated while nobody looked: reading it finds out
            return True
        if is_copy := self._is_copy(path, fd, found):
            self.put(replace(begin(fd, found, path, found.st_size), copy=True))
            self._files.close(key)
            return True
        if is_copy is None:
            return False
        self._begin(path, fd, found, now)
        return True

    def _goes_on(self, path: str, known: Place, now: float) -> None:
        if is_rotated_name(os.path.basename(path), os.path.basename(known.path)):  # noqa: PTH119
            self.rotated[known.key] = now
        else:
            self.live[path] = known.key
            self.pending.add(known.key)
        self.put(replace(known, path=path, parked=False))

    def _begin(self, path: str, fd: int, found: os.stat_result, now: float) -> None:
        at_end = self._first and not self._source.from_start
        place = begin(fd, found, path, found.st_size // 2 * 2 if at_end and self._wide else found.st_size * at_end)
        if place.position:
            place = replace(place, skipping=os.pread(fd, 1, place.position - 1 - self._low) != b"\n")
        self.put(place)
        self.live[path] = place.key
        self.pending.add(place.key)
        for sibling in self._unknown(path):
            if sibling.path in self._paths:
                continue
            if self._first or not self._scanned_ns or sibling.found.st_mtime_ns < self._scanned_ns:
                self._ignore(sibling)
            else:
                self._add_rotated(sibling, now)

    @property
    def _wide(self) -> bool:
        return self._source.encoding.startswith("utf-16")

    @property
    def _low(self) -> int:
        # Where the line feed lies in its two bytes; with an unknown byte order the usual one.
        return 1 if self._source.encoding in {"utf-16", "utf-16-le"} else 0

    def _moved_away(self, path: str, key: Key, now: float) -> None:
        """What lay at the path is elsewhere now: its rest is read, and what was rotated after it."""
        del self.live[path]
        if key in self.live.values():
            return
        self.pending.discard(key)
        place = self.places[key]
        fd = self._files.get(key)
        if fd is None or not holds(fd, place):
            again = self._find_by_inode(path, place)
            fd = self._files.get(key) if again is not None else None
            if again is not None:
                self.put(replace(place, path=again.path))
        if fd is not None:
            found = os.fstat(fd)
            if place.position == 0:
                self._look_for_copies(path, key, found, now)
            self.rotated[key] = now
            after_ns = found.st_mtime_ns
        else:
            copied_ns = self._find_copy(path, place, now)
            if copied_ns is None:
                self._say(f"{path}: what was not read of it yet was moved away or packed, and may be missing")
            after_ns = copied_ns or place.mtime_ns
            self.drop(key)
        self._add_younger(path, place, after_ns, now)

    def truncated(self, path: str, place: Place, now: float) -> None:
        """A live file does not hold any more what was read: its copy has the rest, and it begins again."""
        fd = self.fd(place.key)
        if fd is None:
            return
        found = os.fstat(fd)
        after_ns = self._find_copy(path, place, now) or place.mtime_ns
        self._add_younger(path, place, after_ns, now)
        self.put(begin(fd, found, path))
        self.pending.add(place.key)

    def _add_younger(self, path: str, place: Place, after_ns: int, now: float) -> None:
        """What was rotated after a file and before the next look is read from its beginning; its copies are not."""
        for sibling in self._unknown(path):
            if sibling.found.st_mtime_ns < after_ns:
                continue
            opened = self._files.open(sibling.path)
            if opened is not None and place.position and holds(opened[1], place):
                self._ignore(sibling)
            else:
                self._add_rotated(sibling, now)

    def _find_copy(self, path: str, place: Place, now: float) -> int | None:
        """The copy that holds what was read and perhaps more: read on there. Gives when it was written."""
        found_ns: int | None = None
        for sibling in self._siblings(path):
            known = self.places.get(sibling.key)
            if (known is not None and not known.copy) or sibling.found.st_mtime_ns < place.mtime_ns:
                continue
            opened = self._files.open(sibling.path)
            if opened is None or not place.position or not copies(opened[1], place, sibling.found.st_size):
                continue
            if found_ns is None and sibling.found.st_size >= place.position:
                rest = replace(place, device=sibling.key[0], inode=sibling.key[1], path=sibling.path)
                self.put(replace(rest, copy=False, parked=False))
                self.rotated[sibling.key] = now
            else:  # another copy, or one that was made before the last that was read
                self._ignore(sibling)
            found_ns = found_ns or sibling.found.st_mtime_ns
        return found_ns

    def _look_for_copies(self, path: str, key: Key, found: os.stat_result, now: float) -> None:
        # Nothing was read of this file yet, so that its being copied and truncated cannot be seen by what it holds.
        place = self.places[key]
        fd = self.fd(key)
        for sibling in self._unknown(path):
            if sibling.found.st_mtime_ns < place.mtime_ns or fd is None:
                continue
            opened = self._files.open(sibling.path)
            if opened is None:
                continue
            length = min(HEAD_BYTES, found.st_size, sibling.found.st_size)
            if length and os.pread(fd, length, 0) == os.pread(opened[1], length, 0):
                self._ignore(sibling)
            else:
                self._add_rotated(sibling, now)
        self.put(replace(place, mtime_ns=found.st_mtime_ns))

    def _is_copy(self, path: str, fd: int, found: os.stat_result) -> bool | None:
        """Whether an unknown file is a copy of a live one, by name and first bytes; None: too short yet to tell."""
        folder, name = os.path.split(path)
        for log, key in self.live.items():
            log_folder, log_name = os.path.split(log)
            place = self.places[key]
            if log_folder != folder or not place.head_bytes or not is_rotated_name(name, log_name):
                continue
            if found.st_size < place.head_bytes:
                if self._now_ns() - found.st_mtime_ns < UNDECIDED_S * 1e9:
                    return None
            elif copies(fd, place, found.st_size):
                return True
        return False

    def _find_by_inode(self, path: str, place: Place) -> Sibling | None:
        for candidate in (place.path, *_with_inode(os.path.dirname(path), place.inode)):  # noqa: PTH120
            try:
                opened = self._files.open(candidate)
                if opened is not None and opened[0] == place.key and holds(opened[1], place):
                    return Sibling(candidate, os.fstat(opened[1]))
            except OSError:
                continue
        return None

    def _look_after_parked(self, now: float) -> None:
        """Rotated files that grow after all are read on; those that are gone are forgotten."""
        for place in list(self.places.values()):
            if place.key in self.rotated or self.live.get(place.path) == place.key:
                continue
            try:
                found = os.lstat(place.path)
            except FileNotFoundError:
                found = None
            if found is None or (found.st_dev, found.st_ino) != place.key:
                again = self._find_by_inode(place.path, place)
                if again is None:
                    self.drop(place.key)
                else:
                    self.put(replace(place, path=again.path))
            elif not place.copy and found.st_size > place.position:
                fd = self.fd(place.key)
                if fd is not None and holds(fd, place):
                    self.rotated[place.key] = now
                    self.put(replace(place, parked=False))

    def _siblings(self, path: str) -> list[Sibling]:
        try:
            return siblings(path)
        except OSError:
            return []

    def _unknown(self, path: str) -> list[Sibling]:
        return [sibling for sibling in self._siblings(path) if sibling.key not in self.places]

    def _ignore(self, sibling: Sibling) -> None:
        opened = self._files.open(sibling.path)
        if opened is not None:
            self.put(replace(begin(opened[1], sibling.found, sibling.path, sibling.found.st_size), copy=True))
            self._files.close(sibling.key)

    def _add_rotated(self, sibling: Sibling, now: float) -> None:
        opened = self._files.open(sibling.path)
        if opened is not None:
            self.put(begin(opened[1], sibling.found, sibling.path))
            self.rotated[sibling.key] = now


def _with_inode(folder: str, inode: int) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.inode() == inode]
    except OSError:
        return []
