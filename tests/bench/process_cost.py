"""What processes cost: memory from smaps_rollup, CPU from each process's own clock, children included."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """Kilobytes."""

    rss: int
    private: int


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return [pid]


def memory(pid: int) -> Memory:
    """Zero when it has ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return Memory(0, 0)
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return Memory(kb["Rss"], kb["Private_Clean"] + kb["Private_Dirty"])


def memory_of(pids: list[int]) -> Memory:
    each = [memory(pid) for pid in pids]
    return Memory(sum(one.rss for one in each), sum(one.private for one in each))


def cpu_ms(pid: int) -> float:
    """User and system time of all its threads, also of those that have ended, in nanosecond steps (not in ticks)."""
    try:
        return (
            time.clock_gettime(~pid << 3 | 2) * 1000
        )  # the kernel's clock id of another process, see clock_getcpuclockid(3)
    except OSError:
        return 0.0


def children_cpu_ms(pid: int) -> float:
    """What its children have used that have ended, in ticks, and those that run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    ended = (int(fields[13]) + int(fields[14])) * _TICK_MS
    return ended + sum(cpu_ms(child) for child in tree(pid)[1:])


def tree_cpu_ms(pid: int) -> float:
    return cpu_ms(pid) + children_cpu_ms(pid)
