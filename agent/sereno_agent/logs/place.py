"""Where reading stands in one file, and how that file is known again: by inode and by what it holds.

An inode number alone is given to the next file as soon as one is removed, and a file that was truncated and filled
again keeps it. So two prints go with the position: of the file's first bytes, and of the last ones before the position.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from typing import Any, Final

HEAD_BYTES: Final = 1024
TAIL_BYTES: Final = 256
_PRINT_CHARS: Final = 16

Key = tuple[int, int]  # device, inode


@dataclass(frozen=True)
class Place:
    """One file's position: everything before it was taken. It stands where a record begins, or a line's rest."""

    device: int
    inode: int
    path: str  # where it was last seen
    position: int = 0
    head_bytes: int = 0
    head: str = ""
    tail: str = ""  # of the min(position, TAIL_BYTES) bytes before the position
    mtime_ns: int = 0
    skipping: bool = False  # within a line of which enough was taken
    key_lines: int = 0  # so many more lines may belong to a private key
    copy: bool = False  # never read by itself: another file's content, or from before the source was known
    parked: bool = False  # rotated and read to its end

    @property
    def key(self) -> Key:
        return self.device, self.inode

    def record(self) -> list[Any]:
        """As plain JSON."""
        flags = self.skipping + 2 * self.copy + 4 * self.parked
        prints = [self.head_bytes, self.head, self.tail]
        return [self.device, self.inode, self.path, self.position, *prints, self.mtime_ns, flags, self.key_lines]


def place_from(record: list[Any]) -> Place:
    """The place again; raises ValueError or TypeError when the record is not one."""
    device, inode, path, position, head_bytes, head, tail, mtime_ns, flags, key_lines = record
    return Place(
        int(device),
        int(inode),
        str(path),
        int(position),
        int(head_bytes),
        str(head),
        str(tail),
        int(mtime_ns),
        skipping=bool(flags & 1),
        key_lines=int(key_lines),
        copy=bool(flags & 2),
        parked=bool(flags & 4),
    )


def begin(fd: int, found: os.stat_result, path: str, position: int = 0) -> Place:
    """A file that was not known: reading begins at the position. Raises OSError."""
    length = min(HEAD_BYTES, position)
    head, tail_bytes = os.pread(fd, length, 0), min(TAIL_BYTES, position)
    tail = os.pread(fd, tail_bytes, position - tail_bytes)
    return Place(
        found.st_dev,
        found.st_ino,
        path,
        position,
        head_bytes=len(head),
        head=_print(head),
        tail=_print(tail),
        mtime_ns=found.st_mtime_ns,
    )


class Window:
    """Bytes around a position, read at once: what lay before it, to know the file again, and what follows."""

    def __init__(self, fd: int, place: Place, size: int) -> None:
        self.start = 0 if place.position <= HEAD_BYTES + TAIL_BYTES else place.position - TAIL_BYTES
        self._bytes = os.pread(fd, place.position - self.start + size, self.start)
        self.data = self._bytes[place.position - self.start :]
        self.same = self._tail(place.position) == place.tail and len(self._bytes) >= place.position - self.start

    def advanced(self, place: Place, position: int, *, mtime_ns: int, skipping: bool) -> Place:
        """The place further on, within what was read."""
        if self.start == 0 and place.head_bytes < min(HEAD_BYTES, position):
            head = self._bytes[: min(HEAD_BYTES, position)]
            place = replace(place, head_bytes=len(head), head=_print(head))
        return replace(place, position=position, tail=self._tail(position), mtime_ns=mtime_ns, skipping=skipping)

    def _tail(self, position: int) -> str:
        end = position - self.start
        return _print(self._bytes[max(0, end - TAIL_BYTES) : end])


def holds(fd: int, place: Place) -> bool:
    """Whether a file begins with what the place's file began with and still has what lay before the position.

    True of the file itself, grown or not, and of a whole copy of it; False once it was truncated, also when it has
    grown beyond the position since.
    """
    length = min(TAIL_BYTES, place.position)
    tail = os.pread(fd, length, place.position - length)
    return len(tail) == length and _print(tail) == place.tail and _begins_as(fd, place)


def copies(fd: int, place: Place, size: int) -> bool:
    """Whether a file of this size holds the same as the place's, as far as can be seen; it may be in the making."""
    return holds(fd, place) if size >= place.position else _begins_as(fd, place)


def _begins_as(fd: int, place: Place) -> bool:
    """Whether a file begins with the same bytes, as far as they are known."""
    head = os.pread(fd, place.head_bytes, 0)
    return len(head) == place.head_bytes and _print(head) == place.head


def _print(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_PRINT_CHARS // 2).hexdigest() if content else ""
