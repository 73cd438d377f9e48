"""The spool's epoch: 128 random bits, how far sequences are reserved, and what was lost.

Sequences are reserved in blocks, on disk, before they are used, and a start skips what was reserved. So no sequence is
ever used twice in one epoch, whatever a crash took with it. The file has two slots, written in turn, each with a CRC.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Final

from sereno_agent.frames import Write, write_all

RESERVED_BLOCK: Final = 4096
_SLOT: Final = struct.Struct("<8sQ16sQ3Q")  # magic, turn, epoch, reserved, dropped by lane
_CRC: Final = struct.Struct("<I")
_SLOT_BYTES: Final = 512
_MAGIC: Final = b"SrEpoch1"
LANES: Final = ("logs", "samples", "records")


class Epoch:
    """The epoch of a spool folder. Where the disk is full from the start, it lives in memory only."""

    def __init__(self, path: Path, write: Write) -> None:
        self._path = path
        self._write = write
        self._turn = 0
        self.id = b""
        self.reserved = 0  # sequences up to here are spoken for
        self.dropped = dict.fromkeys(LANES, 0)
        self.on_disk = False
        self._read()
        self.resumed_at = self.reserved + 1
        self.last = self.reserved
        if not self.id:
            self.id = os.urandom(16)

    def next(self) -> int:
        """The next sequence. Raises OSError when none can be reserved."""
        if self.last >= self.reserved or not self.on_disk:
            self._save(max(self.reserved, self.last) + RESERVED_BLOCK)
        self.last += 1
        return self.last

    def next_in_memory(self) -> int:
        """The next sequence of an epoch that never reached the disk; 0 where one did and sequences ran out."""
        if self.on_disk and self.last >= self.reserved:
            return 0
        self.last += 1
        return self.last

    def save(self) -> None:
        """Writes what was dropped."""
        self._save(self.reserved)

    def _save(self, reserved: int) -> None:
        content = _SLOT.pack(_MAGIC, self._turn + 1, self.id, reserved, *(self.dropped[lane] for lane in LANES))
        content += _CRC.pack(zlib.crc32(content))
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.lseek(fd, (self._turn + 1) % 2 * _SLOT_BYTES, os.SEEK_SET)
            write_all(fd, content, self._write)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._turn += 1
        self.reserved = reserved
        self.on_disk = True

    def _read(self) -> None:
        try:
            content = self._path.read_bytes()
        except OSError:
            return
        for start in (0, _SLOT_BYTES):
            slot = content[start : start + _SLOT.size]
            crc = content[start + _SLOT.size : start + _SLOT.size + _CRC.size]
            if len(slot) < _SLOT.size or crc != _CRC.pack(zlib.crc32(slot)):
                continue
            magic, turn, epoch, reserved, *dropped = _SLOT.unpack(slot)
            if magic == _MAGIC and turn > self._turn:
                self._turn, self.id, self.reserved, self.on_disk = turn, epoch, reserved, True
                self.dropped = dict(zip(LANES, dropped, strict=True))
