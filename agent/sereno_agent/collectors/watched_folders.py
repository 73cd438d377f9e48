"""Size and number of files of the policy's folders, against their quota.

Sizes are what the files say (st_size), each hard-linked file once; links are not followed and other file systems not
entered. A folder with more entries than the bound gives no size at all: part of it would look like a shrinking folder.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sereno_agent.policy import WatchedFolder
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_proto.limits import FOLDER_ENTRIES_MAX

DEADLINE_S: Final = 30.0
Late = Callable[[], bool]


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        until = surroundings.monotonic() + DEADLINE_S * 0.9
        for folder in surroundings.policy().folders.values():
            _read(reading, folder, lambda: surroundings.monotonic() > until)

    return collect


def _read(reading: Reading, folder: WatchedFolder, late: Late) -> None:
    label = ("folder", folder.name)
    try:
        measured = measure(folder.path, late)
    except OSError as error:
        reading.notice("E_COLLECTOR", f"watched folder {folder.name}: {error.strerror or error}")
        return
    if measured is None:
        reading.notice("E_LIMIT", f"watched folder {folder.name} holds too many entries to be measured")
        return
    size, files = measured
    reading.gauge("folder_used_bytes", size, label)
    reading.gauge("folder_files", files, label)
    if folder.quota_bytes:
        reading.gauge("folder_quota_bytes", folder.quota_bytes, label)


def measure(path: Path, late: Late, entries_max: int = FOLDER_ENTRIES_MAX) -> tuple[int, int] | None:
    """Bytes and files under a folder; None beyond the bound or when late. Raises OSError for the folder itself only."""
    size = files = 0
    linked: set[int] = set()
    for entries, found in enumerate(_walk(str(path)), start=1):
        if entries > entries_max or (entries % 1000 == 0 and late()):
            return None
        if not stat.S_ISREG(found.st_mode):
            continue
        if found.st_nlink > 1:
            if found.st_ino in linked:
                continue
            linked.add(found.st_ino)
        size += found.st_size
        files += 1
    return size, files


def _walk(top: str) -> Iterator[os.stat_result]:
    device = os.stat(top).st_dev  # noqa: PTH116
    waiting = [top]
    while waiting:
        here = waiting.pop()
        try:
            listing = os.scandir(here)
        except OSError:
            if here == top:
                raise
            continue
        with listing:
            for entry in listing:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone meanwhile
                if stat.S_ISDIR(found.st_mode) and found.st_dev == device:
                    waiting.append(entry.path)
                yield found
