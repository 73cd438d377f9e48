"""A little room on the disk, kept for the moment when a full disk is what a plan is to mend."""

import contextlib
import errno
import os
from pathlib import Path

from sereno_proto.limits import RESERVE_BYTES

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """A file of no use but its size. Given back when nothing can be written, taken again when there is room."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refill(self) -> None:
        """Takes the room when there is some; a full disk is no error here."""
        with contextlib.suppress(OSError):
            if self._path.exists():
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                left = RESERVE_BYTES
                while left:  # written, not merely stretched: a hole keeps no room
                    left -= os.write(descriptor, os.urandom(min(left, 1 << 16)))
                os.fsync(descriptor)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(descriptor)

    def release(self) -> bool:
        """Gives the room back; says whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
