"""The disk spool: every message that must arrive waits here until the server has committed it.

Appending never fails for want of space: the oldest of the most greedy kind goes first, counted; where the disk takes
nothing at all, messages wait in memory, bounded. Nothing here is thread-safe: the event loop owns it.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sereno_agent.epoch import Epoch
from sereno_agent.frames import Write
from sereno_agent.lanes import Cursor, DiskLane, MemoryLane
from sereno_proto.errors import BadInput
from sereno_proto.limits import MESSAGE_BYTES_MAX, SPOOL_BYTES_MAX, SPOOL_SEGMENT_BYTES
from sereno_proto.v1.link_pb2 import LogBlock, Up

# The part of the spool that each kind may keep when there is too much of everything.
SHARES: Final = {"logs": 0.35, "samples": 0.5, "records": 0.15}
_LANE_OF: Final = {"logs": "logs", "samples": "samples"}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Spool:
    """A folder of messages in order of sequence, from the oldest that is not acknowledged to the newest."""

    def __init__(
        self,
        folder: Path,
        bytes_max: int = SPOOL_BYTES_MAX,
        write: Write = os.write,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._segment_bytes = min(SPOOL_SEGMENT_BYTES, bytes_max // 16)
        self._write = write
        self._now_ms = now_ms
        self.acknowledged = 0
        self.appended: Callable[[], None] = lambda: None  # called after each append, to wake the sender
        self.full = ""  # why the disk takes nothing; empty = it does
        self._memory = MemoryLane()
        self._open()
        self._adopt()

    def _open(self) -> None:
        self._epoch = Epoch(self._folder / "epoch", self._write)
        self._home = self._folder / self._epoch.id.hex()
        self._lanes = {
            name: DiskLane(self._home, name, self._segment_bytes, self._epoch.resumed_at, self._write)
            for name in SHARES
        }

    @property
    def epoch(self) -> bytes:
        return self._epoch.id

    @property
    def last(self) -> int:
        """The highest sequence given out, or reserved by an earlier process."""
        return self._epoch.last

    @property
    def bytes(self) -> int:
        """What waits to be acknowledged."""
        return self._memory.bytes + sum(lane.waiting_bytes for lane in self._lanes.values())

    @property
    def dropped(self) -> dict[str, int]:
        """How many messages of each kind were lost to the bounds since the epoch began."""
        return self._epoch.dropped

    def append(self, up: Up, *, durable: bool = False, in_memory: bool = True) -> int:
        """Stamps and keeps a message; gives its sequence, 0 when it had to be dropped. Durable waits for the disk.

        Without `in_memory` a message that the disk does not take is not kept: its sender has it still.
        """
        if up.ByteSize() > MESSAGE_BYTES_MAX - 64:
            raise BadInput("E_LIMIT", f"a message of {up.ByteSize()} bytes is beyond {MESSAGE_BYTES_MAX}")
        lane = _LANE_OF.get(up.WhichOneof("body") or "", "records")
        up.epoch = self._epoch.id
        up.made_ms = up.made_ms or self._now_ms()
        sequence = self._append_to_disk(self._lanes[lane], up, durable=durable)
        if not sequence and in_memory:
            sequence = self._append_to_memory(up)
        if not sequence and in_memory:
            self._epoch.dropped[lane] += 1
        self._keep_bound()
        if sequence:
            self.appended()
        return sequence

    def _append_to_disk(self, lane: DiskLane, up: Up, *, durable: bool) -> int:
        for attempt in range(2):
            try:
                sequence = self._epoch.next()
                up.sequence = sequence
                lane.append(sequence, up.SerializeToString(), durable=durable)
            except OSError as error:
                self.full = f"{self._folder}: {error.strerror or error}"
                if attempt or not self._drop_oldest():
                    return 0
            else:
                self.full = ""
                return sequence
        return 0

    def _append_to_memory(self, up: Up) -> int:
        up.sequence = self._epoch.next_in_memory()
        if up.sequence:
            self._epoch.dropped["samples"] += self._memory.append(up.sequence, up.SerializeToString())
        return up.sequence

    def acknowledge(self, sequence: int) -> None:
        """Forgets everything up to this sequence. One that was never given out is not believed."""
        sequence = min(sequence, self._epoch.last)
        if sequence <= self.acknowledged:
            return
        self.acknowledged = sequence
        for lane in self._lanes.values():
            lane.acknowledge(sequence)
        self._memory.acknowledge(sequence)

    def recent_logs(self) -> Iterator[LogBlock]:
        """The blocks of log lines in the last two segments, also acknowledged ones, the oldest first."""
        lane = self._lanes["logs"]
        for segment in list(lane.segments)[-2:]:
            for payload in segment.payloads():
                yield Up.FromString(payload).logs

    def read(self, after: int) -> "Reader":
        """Reads what is kept above a sequence, and goes on with what is appended later."""
        return Reader([*(lane.cursor(after) for lane in self._lanes.values()), self._memory.cursor(after)])

    def resume(self, high_water: int) -> bool:
        """Takes the server's high-water mark for this epoch; False when this spool is older than what the server has.

        Then it was put back from a copy: a new epoch is begun, so that what is new here is not taken for old.
        """
        if high_water > self._epoch.last:
            self.close()
            (self._folder / "epoch").unlink(missing_ok=True)
            self.acknowledged = 0
            self._open()
            self._adopt()
            return False
        self.acknowledge(high_water)
        return True

    def sync(self) -> None:
        """Waits until the disk has everything."""
        for lane in self._lanes.values():
            lane.sync()

    def save(self) -> None:
        """Keeps the counts of what was dropped across restarts, where the disk allows."""
        if self._epoch.on_disk:
            try:
                self._epoch.save()
            except OSError as error:
                self.full = f"{self._folder}: {error.strerror or error}"

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _keep_bound(self) -> None:
        while sum(lane.bytes for lane in self._lanes.values()) > self._bytes_max and self._drop_oldest():
            pass

    def _drop_oldest(self) -> bool:
        # The kind that is furthest above its share gives way, oldest first.
        name = max(SHARES, key=lambda name: self._lanes[name].bytes / SHARES[name])
        lane = self._lanes[name]
        if not lane.segments:
            return False
        self._epoch.dropped[name] += lane.drop_oldest(self.acknowledged)
        return True

    def _adopt(self) -> None:
        # Messages under another epoch (its file was lost or put back) are stamped anew, oldest first.
        strangers = [path for path in self._folder.iterdir() if path.is_dir() and path != self._home]
        if not strangers:
            return
        try:
            self._epoch.save()
        except OSError as error:
            self.full = f"{self._folder}: {error.strerror or error}"
            return
        for folder in strangers:
            for payload in _payloads(folder):
                self.append(Up.FromString(payload))
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def _payloads(folder: Path) -> Iterator[bytes]:
    lanes = [DiskLane(folder, name, SPOOL_SEGMENT_BYTES, 1 << 63, os.write) for name in SHARES]
    reader = Reader([lane.cursor(0) for lane in lanes])
    while (record := reader.next()) is not None:
        yield record[1]


class Reader:
    """Merges the lanes by sequence."""

    def __init__(self, cursors: list[Cursor]) -> None:
        self._cursors = cursors

    def next(self) -> tuple[int, bytes] | None:
        """The next message's sequence and its bytes, or None when all were read for now."""
        best: tuple[int, bytes] | None = None
        chosen: Cursor | None = None
        for cursor in self._cursors:
            record = cursor.peek()
            if record is not None and (best is None or record[0] < best[0]):
                best, chosen = record, cursor
        if chosen is not None:
            chosen.advance()
        return best

    def close(self) -> None:
        for cursor in self._cursors:
            cursor.close()
