"""Takes a log's rotation back: its archive's content in front of what was logged since, in the same file.

Nothing is overwritten before the archive was read whole (its checksum included) and the room for it is reserved. What a
writer appends in the microseconds between the reservation and the look before it may be lost.
"""

import gzip
import os
from pathlib import Path
from typing import Final

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.findings import bytes_text
from sereno_playbooks import files
from sereno_proto.errors import Refused
from sereno_proto.limits import ROTATED_SINCE_BYTES_MAX
from sereno_proto.planned_step import Target

_CHUNK: Final = 1 << 20
_ROOM_LEFT_BYTES: Final = 16 << 20  # what must stay free beside the unpacked log


def unpack(folder: int, log: Target, archive: Target, packed_bytes: int, allowed: Allowed) -> str:
    """Brings one log back and removes the archive; gives '' or why it could not, the archive staying then."""
    path, packed_path = Path(log.path), Path(archive.path)
    try:
        with files.open_target(folder, path, allowed, write=True) as content:
            status = os.fstat(content)
            if status.st_ino != log.inode:
                return f"{path.name} is another file now; its earlier content stays in {packed_path.name}"
            if confined.status(folder, packed_path.name) is None:
                # Cut off before the archive got its name: then the log was never emptied.
                whole = status.st_size >= packed_bytes
                return "" if whole else f"{packed_path.name} is gone, so {path.name} could not be brought back"
            with files.open_target(folder, packed_path, allowed) as packed:
                unpacked_bytes, emptied = _compare(packed, content, log.bytes_max)
                if emptied:
                    _prepend(packed, content, unpacked_bytes)
    except FileNotFoundError:
        return f"{path.name} is gone; its earlier content stays in {packed_path.name}"
    except (OSError, EOFError, Refused) as error:
        return f"{path.name} could not be brought back ({error}); its earlier content stays in {packed_path.name}"
    files.discard(folder, packed_path.name)
    return ""


def _compare(packed: int, content: int, bytes_max: int) -> tuple[int, bool]:
    """How many bytes the archive holds, and whether the log was emptied, so that it no longer begins with them."""
    offset, emptied = 0, False
    with open(packed, "rb", closefd=False) as raw, gzip.GzipFile("", "rb", fileobj=raw) as unpacked:
        while chunk := unpacked.read(_CHUNK):
            emptied = emptied or os.pread(content, len(chunk), offset) != chunk
            offset += len(chunk)
            if offset > bytes_max:
                raise Refused("E_BOUND", f"the archive holds more than {bytes_text(bytes_max)}")
    return offset, emptied


def _prepend(packed: int, content: int, unpacked_bytes: int) -> None:
    """Writes the archive's content in front of what the log holds now."""
    room = os.fstatvfs(content)
    if room.f_bavail * room.f_frsize < unpacked_bytes + _ROOM_LEFT_BYTES:
        raise Refused("E_DISK_FULL", f"unpacking takes {bytes_text(unpacked_bytes)}")
    size = os.fstat(content).st_size
    if size > ROTATED_SINCE_BYTES_MAX:
        raise Refused("E_BOUND", f"{bytes_text(size)} were logged since")
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(content, 0, unpacked_bytes + size)
    since = os.pread(content, size, 0)
    os.lseek(packed, 0, os.SEEK_SET)
    with open(packed, "rb", closefd=False) as raw, gzip.GzipFile("", "rb", fileobj=raw) as unpacked:
        os.lseek(content, 0, os.SEEK_SET)
        while chunk := unpacked.read(_CHUNK):
            files.write_all(content, chunk)
    files.write_all(content, since)
    os.fsync(content)
