"""What this process costs its host."""

import os
import sys
from typing import Final

import psutil

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes() -> int:
    """Resident memory of this process."""
    if sys.platform != "linux":
        return int(psutil.Process().memory_info().rss)
    fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 128).split()[1]) * _PAGE_BYTES
    finally:
        os.close(fd)
