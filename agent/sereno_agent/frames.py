"""Records on disk: each in a frame with its length, sequence and CRC-32, so that a torn or garbled one is seen.

A frame is magic (4), payload length (u32), CRC-32 (u32) of sequence and payload, sequence (u64), payload;
all little-endian.
"""

import os
import struct
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from sereno_proto.limits import MESSAGE_BYTES_MAX

MAGIC: Final = b"\xa5Sr1"
_HEADER: Final = struct.Struct("<4sIIQ")
_SEQUENCE: Final = struct.Struct("<Q")
HEADER_BYTES: Final = _HEADER.size


Write = Callable[[int, memoryview], int]  # os.write; the seam at which tests fill the disk


class Frame(NamedTuple):
    """One record read back, and where the next one starts."""

    sequence: int
    payload: bytes
    end: int
    skipped: bool  # whether damaged bytes lay before it


def frame(sequence: int, payload: bytes) -> bytes:
    """The bytes to append for one record."""
    crc = zlib.crc32(payload, zlib.crc32(_SEQUENCE.pack(sequence)))
    return _HEADER.pack(MAGIC, len(payload), crc, sequence) + payload


def read(fd: int, offset: int, size: int) -> Frame | None:
    """The first whole record at or after offset, damaged bytes skipped; None when there is none before size."""
    found = _read_at(fd, offset, size)
    if found is not None:
        return found
    start = offset + 1
    while 0 <= start < size - HEADER_BYTES:
        start = _find_magic(fd, start, size)
        if start < 0:
            break
        found = _read_at(fd, start, size)
        if found is not None:
            return found._replace(skipped=True)
        start += 1
    return None


def _read_at(fd: int, offset: int, size: int) -> Frame | None:
    if offset + HEADER_BYTES > size:
        return None
    header = os.pread(fd, HEADER_BYTES, offset)
    if len(header) < HEADER_BYTES:
        return None
    magic, length, crc, sequence = _HEADER.unpack(header)
    end = offset + HEADER_BYTES + length
    if magic != MAGIC or length > MESSAGE_BYTES_MAX or end > size:
        return None
    payload = os.pread(fd, length, offset + HEADER_BYTES)
    if len(payload) != length or zlib.crc32(payload, zlib.crc32(_SEQUENCE.pack(sequence))) != crc:
        return None
    return Frame(sequence, payload, end, skipped=False)


def _find_magic(fd: int, start: int, size: int) -> int:
    while start < size:
        chunk = os.pread(fd, min(1 << 16, size - start), start)
        if len(chunk) < len(MAGIC):
            return -1
        position = chunk.find(MAGIC)
        if position >= 0:
            return start + position
        start += len(chunk) - len(MAGIC) + 1
    return -1


def write_all(fd: int, content: bytes, write: Write = os.write) -> None:
    """Writes everything, or raises OSError with part of it written."""
    view = memoryview(content)
    while view:
        written = write(fd, view)
        if written == 0:
            raise OSError("nothing was written")
        view = view[written:]
