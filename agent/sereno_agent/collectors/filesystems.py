"""Space and inodes of every local file system, and whether it is read-only: `filesystem_readonly`.

Used is size less what an ordinary user may still take, so that used equals size when writing fails, also where blocks
are reserved for root. Network file systems are left out: one that hangs would hold a thread for ever (see
network_filesystems).
"""

import os
from typing import Final

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings

_MOUNTS_S: Final = 60.0  # how long the list of mounts is believed
_LEFT_OUT: Final = frozenset({"squashfs", "iso9660", "udf", "cramfs", "erofs", "autofs", "nfs", "nfs4", "cifs", "smb3"})


def make(surroundings: Surroundings) -> Collect:
    """Keeps the list of mounts between readings."""
    mounts: list[str] = []
    listed_at = float("-inf")

    def collect(reading: Reading) -> None:
        nonlocal mounts, listed_at
        if surroundings.monotonic() - listed_at > _MOUNTS_S:
            mounts, listed_at = _list_mounts(), surroundings.monotonic()
        for mount in mounts:
            _read(reading, mount)

    return collect


def _list_mounts() -> list[str]:
    """One mount point a device, the shortest: bind mounts of the same device say the same."""
    by_device: dict[int, str] = {}
    listed = [part.mountpoint for part in psutil.disk_partitions(all=False) if part.fstype not in _LEFT_OUT]
    for mount in sorted({"/", *listed} if os.name == "posix" else set(listed), key=len):
        try:
            # A file bound over a file is no file system of its own.
            if os.path.isdir(mount):  # noqa: PTH112, a Path for each mount each minute is dearer
                by_device.setdefault(os.stat(mount).st_dev, mount)  # noqa: PTH116
        except OSError:
            continue
    return list(by_device.values())


def _read(reading: Reading, mount: str) -> None:
    if not hasattr(os, "statvfs"):
        _read_windows(reading, mount)
        return
    try:
        found = os.statvfs(mount)
    except OSError:
        return  # unmounted since
    label = ("mount", mount)
    reading.gauge("filesystem_readonly", bool(found.f_flag & os.ST_RDONLY), label)
    if found.f_blocks:
        reading.gauge("filesystem_used_bytes", (found.f_blocks - found.f_bavail) * found.f_frsize, label)
        reading.gauge("filesystem_size_bytes", found.f_blocks * found.f_frsize, label)
    if found.f_files:
        reading.gauge("filesystem_inodes_used", found.f_files - found.f_favail, label)
        reading.gauge("filesystem_inodes", found.f_files, label)


def _read_windows(reading: Reading, mount: str) -> None:
    try:
        found = psutil.disk_usage(mount)
    except OSError:
        return  # an empty drive
    reading.gauge("filesystem_used_bytes", found.total - found.free, ("mount", mount))
    reading.gauge("filesystem_size_bytes", found.total, ("mount", mount))
