"""One kind of spooled message: a row of bounded segment files, appended at the end and dropped from the front."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from sereno_agent import frames
from sereno_agent.frames import Write

MEMORY_BYTES_MAX: Final = 1 << 20
_KEPT_BYTES: Final = 64 << 10


class Cursor(Protocol):
    """Where a reader stands in a lane."""

    def peek(self) -> tuple[int, bytes] | None:
        """The next record's sequence and payload, or None when all were read."""
        ...

    def advance(self) -> None:
        """Steps over the record that peek gave."""
        ...

    def close(self) -> None:
        """Lets go of files."""
        ...


class Segment:
    """One file of records whose sequences lie in first..last."""

    __slots__ = ("first", "last", "path", "size")

    def __init__(self, path: Path, first: int, last: int, size: int) -> None:
        self.path = path
        self.first = first
        self.last = last
        self.size = size

    def count(self, after: int) -> int:
        """How many records with a sequence above `after` it holds."""
        return sum(record.sequence > after for record in self._records())

    def payloads(self) -> Iterator[bytes]:
        """What it holds, the oldest first."""
        return (record.payload for record in self._records())

    def _records(self) -> "Iterator[frames.Frame]":
        offset = 0
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            while (found := frames.read(fd, offset, self.size)) is not None:
                yield found
                offset = found.end
        finally:
            os.close(fd)


class DiskLane:
    """Segments of one kind in a folder: `NAME-FIRST.seg`. What an earlier process wrote is read, never appended to."""

    def __init__(self, folder: Path, name: str, segment_bytes: int, resumed_at: int, write: Write) -> None:
        self._folder = folder
        self._name = name
        self._segment_bytes = segment_bytes
        self._write = write
        self._fd = -1  # of the last segment, when this process made it
        self.segments: deque[Segment] = deque()
        self.bytes = 0
        self._acknowledged = 0
        found = sorted(folder.glob(f"{name}-*.seg"))
        firsts = [int(path.stem.rpartition("-")[2]) for path in found]
        for path, first, following in zip(found, firsts, [*firsts, resumed_at][1:], strict=True):
            self.segments.append(Segment(path, first, following - 1, path.stat().st_size))
            self.bytes += self.segments[-1].size

    def append(self, sequence: int, payload: bytes, *, durable: bool) -> None:
        """Appends one record; on OSError nothing of it remains."""
        content = frames.frame(sequence, payload)
        if self._fd >= 0 and self.segments[-1].size + len(content) > self._segment_bytes:
            self._close()
        if self._fd < 0:
            self._begin(sequence)
        segment = self.segments[-1]
        try:
            frames.write_all(self._fd, content, self._write)
            if durable:
                os.fsync(self._fd)
        except OSError:
            self._undo(segment)
            raise
        segment.last = sequence
        segment.size += len(content)
        self.bytes += len(content)

    def acknowledge(self, sequence: int) -> None:
        """Removes the segments of which everything is acknowledged, but not the one being written while it is small."""
        self._acknowledged = sequence
        while self.segments and self.segments[0].last <= sequence:
            if len(self.segments) == 1 and self._fd >= 0 and self.bytes < _KEPT_BYTES:
                break  # a file made and removed for each message would wear the disk
            self._remove_oldest()

    @property
    def waiting_bytes(self) -> int:
        """What is not acknowledged, by whole segments."""
        return self.bytes if self.segments and self.segments[-1].last > self._acknowledged else 0

    def drop_oldest(self, after: int) -> int:
        """Removes the oldest segment; gives how many records above `after` were lost with it."""
        lost = self.segments[0].count(after)
        self._remove_oldest()
        return lost

    def cursor(self, after: int) -> "DiskCursor":
        return DiskCursor(self, after)

    def sync(self) -> None:
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        self._close()

    def _begin(self, sequence: int) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{self._name}-{sequence:020d}.seg"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.segments.append(Segment(path, sequence, sequence, 0))
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _undo(self, segment: Segment) -> None:
        # The torn record is cut off; where even that fails, no later record may follow it in this file.
        try:
            os.ftruncate(self._fd, segment.size)
        except OSError:
            self._close()
        if segment.size == 0:
            self._close()
            self.segments.pop()
            segment.path.unlink(missing_ok=True)

    def _remove_oldest(self) -> None:
        segment = self.segments.popleft()
        if not self.segments:
            self._close()
        self.bytes -= segment.size
        segment.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class DiskCursor:
    """Reads a lane's records above a sequence in order, across segments that come and go."""

    def __init__(self, lane: DiskLane, after: int) -> None:
        self._lane = lane
        self._after = after
        self._segment: Segment | None = None
        self._fd = -1
        self._offset = 0
        self._next: frames.Frame | None = None

    def peek(self) -> tuple[int, bytes] | None:
        while self._next is None:
            segment = self._segment
            if segment is None or self._fd < 0:
                if not self._enter():
                    return None
                continue
            found = frames.read(self._fd, self._offset, segment.size)
            if found is None:
                if not self._enter():
                    return None
                continue
            self._offset = found.end
            if found.sequence > self._after:
                self._next = found
        return self._next.sequence, self._next.payload

    def advance(self) -> None:
        if self._next is not None:
            self._after = self._next.sequence
            self._next = None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _enter(self) -> bool:
        # Goes to the first segment beyond the present one that may hold something unread.
        beyond = self._segment.first if self._segment else -1
        for segment in self._lane.segments:
            if segment.first > beyond and segment.last > self._after:
                self.close()
                try:
                    self._fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue
                self._segment, self._offset = segment, 0
                return True
        return False


class MemoryLane:
    """Where messages wait while the disk takes none. Bounded; the oldest goes first."""

    def __init__(self, bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self.records: deque[tuple[int, bytes]] = deque()
        self.bytes = 0
        self.bytes_max = bytes_max

    def append(self, sequence: int, payload: bytes) -> int:
        """Keeps one record; gives how many older ones had to go."""
        self.records.append((sequence, payload))
        self.bytes += len(payload)
        lost = 0
        while self.bytes > self.bytes_max and len(self.records) > 1:
            self.bytes -= len(self.records.popleft()[1])
            lost += 1
        return lost

    def acknowledge(self, sequence: int) -> None:
        while self.records and self.records[0][0] <= sequence:
            self.bytes -= len(self.records.popleft()[1])

    def cursor(self, after: int) -> "MemoryCursor":
        return MemoryCursor(self, after)


class MemoryCursor:
    """Reads a memory lane's records above a sequence in order."""

    def __init__(self, lane: MemoryLane, after: int) -> None:
        self._lane = lane
        self._after = after

    def peek(self) -> tuple[int, bytes] | None:
        return next((record for record in self._lane.records if record[0] > self._after), None)

    def advance(self) -> None:
        record = self.peek()
        if record is not None:
            self._after = record[0]

    def close(self) -> None:
        pass
