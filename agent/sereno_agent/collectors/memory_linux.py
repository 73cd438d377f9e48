"""Memory, swap and huge pages in bytes, paging, and how often the kernel killed for want of memory.

Used is what could not be given to a new process: total less available.
"""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

_LEVELS: Final = {
    "MemTotal": "memory_total_bytes",
    "MemFree": "memory_free_bytes",
    "MemAvailable": "memory_available_bytes",
    "Buffers": "memory_buffers_bytes",
    "Cached": "memory_cached_bytes",
    "Shmem": "memory_shared_bytes",
    "Slab": "memory_slab_bytes",
    "SUnreclaim": "memory_slab_unreclaimable_bytes",
    "PageTables": "memory_page_tables_bytes",
    "AnonPages": "memory_anonymous_bytes",
    "Dirty": "memory_dirty_bytes",
    "Writeback": "memory_writeback_bytes",
    "Committed_AS": "memory_committed_bytes",
    "CommitLimit": "memory_commit_limit_bytes",
}
_COUNTS: Final = {
    "oom_kill": "oom_kills",
    "pgmajfault": "page_faults_major",
    "pswpin": "swap_pages_in",
    "pswpout": "swap_pages_out",
}


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        found = procfs.table(host.read("/proc/meminfo") or "")
        for key, name in _LEVELS.items():
            if key in found:
                reading.gauge(name, found[key])
        if "MemTotal" in found and "MemAvailable" in found:
            reading.gauge("memory_used_bytes", found["MemTotal"] - found["MemAvailable"])
        if found.get("SwapTotal"):
            reading.gauge("swap_used_bytes", found["SwapTotal"] - found.get("SwapFree", 0))
            reading.gauge("swap_total_bytes", found["SwapTotal"])
        if found.get("HugePages_Total"):
            size = found.get("Hugepagesize", 0)
            reading.gauge("huge_pages_used_bytes", (found["HugePages_Total"] - found.get("HugePages_Free", 0)) * size)
            reading.gauge("huge_pages_total_bytes", found["HugePages_Total"] * size)
        _count(reading, host.read("/proc/vmstat") or "")

    return collect


def _count(reading: Reading, text: str) -> None:
    # Of some 180 lines four matter: looked for, not parsed.
    for key, name in _COUNTS.items():
        at = text.find(f"\n{key} ")
        if at >= 0:
            reading.counter(name, int(text[at + len(key) + 2 : text.find("\n", at + 1)]))
