"""Open files of a source: kept open so that one that is renamed or removed is still read to its end. Bounded."""

import os
import stat
from collections import OrderedDict
from typing import Final

from sereno_agent.logs.links import Links
from sereno_agent.logs.place import Key
from sereno_agent.logs.siblings import OPENING

OPEN_FILES_MAX: Final = 64


class OpenFiles:
    """Descriptors by the file's key; the one used longest ago is closed where there are too many."""

    def __init__(self, links: Links, files_max: int = OPEN_FILES_MAX) -> None:
        self.links = links
        self._files_max = files_max
        self._fds: OrderedDict[Key, int] = OrderedDict()

    def get(self, key: Key) -> int | None:
        """The descriptor, when the file is open."""
        if key in self._fds:
            self._fds.move_to_end(key)
        return self._fds.get(key)

    def open(self, path: str) -> tuple[Key, int] | None:
        """Opens what lies at the path, without waiting and not through a link. Raises OSError.

        None when it is no regular file, or lies elsewhere than files of this source may.
        """
        fd = os.open(path, OPENING)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not self.links.allows(fd, path):
            os.close(fd)
            return None
        key = (found.st_dev, found.st_ino)
        if key in self._fds:
            os.close(fd)
            return key, self._fds[key]
        while len(self._fds) >= self._files_max:
            os.close(self._fds.popitem(last=False)[1])
        self._fds[key] = fd
        return key, fd

    def close(self, key: Key) -> None:
        """Lets go of one."""
        fd = self._fds.pop(key, None)
        if fd is not None:
            os.close(fd)

    def close_all(self) -> None:
        """Lets go of all."""
        for key in list(self._fds):
            self.close(key)
