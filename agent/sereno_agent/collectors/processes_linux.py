"""Processes: how many in which state, and of each program that takes most, its part of the processors and its memory.

Processes of one name count together: `process_cpu_ratio` is 1.0 for one whole core, `process_resident_bytes` counts
memory that they share for each of them.
"""

import os
from collections import Counter
from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs
from sereno_proto.limits import PROCESSES_MAX

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 20.0
TOP: Final = 10
NAMES_MAX: Final = 200  # programs that ever get a series of their own
_HERTZ: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATES: Final = {"R": "running", "S": "sleeping", "D": "blocked", "Z": "zombie", "T": "stopped", "I": "idle"}


def make(surroundings: Surroundings) -> Collect:
    """Keeps every process's ticks from one reading to the next."""
    host, clock = surroundings.host, surroundings.monotonic
    last: dict[str, int] = {}
    last_at = 0.0
    named: set[str] = set()

    def collect(reading: Reading) -> None:
        nonlocal last, last_at
        now, found = clock(), _scan(host)
        if not found:
            return
        busy: Counter[str] = Counter()
        memory: Counter[str] = Counter()
        for pid, (name, _, _, ticks, _, pages) in found.items():
            before = last.get(pid, 0 if last else ticks)  # one that began since has all its ticks from since
            busy[name] += ticks - before if ticks >= before else ticks
            memory[name] += pages * _PAGE_BYTES
        _count(reading, found)
        elapsed = now - last_at if last else 0.0
        top = [name for counted in (busy, memory) for name, value in counted.most_common(TOP) if value]
        for name in dict.fromkeys(top):
            if name in named or len(named) < NAMES_MAX:
                named.add(name)
                reading.gauge("process_resident_bytes", memory[name], ("process", name))
                if elapsed > 0:
                    reading.gauge("process_cpu_ratio", busy[name] / _HERTZ / elapsed, ("process", name))
        last, last_at = {pid: process[3] for pid, process in found.items()}, now

    return collect


def _scan(host: Host) -> dict[str, tuple[str, str, int, int, int, int]]:
    pids = [name for name in host.names("/proc") if name.isdigit()]
    found = {}
    for pid in pids[:PROCESSES_MAX]:
        process = procfs.process(host.read(f"/proc/{pid}/stat") or "")
        if process is not None:
            found[pid] = process
    return found


def _count(reading: Reading, found: dict[str, tuple[str, str, int, int, int, int]]) -> None:
    states = Counter(_STATES.get(process[1], "other") for process in found.values())
    reading.gauge("processes_total", len(found))
    reading.gauge("process_threads", sum(process[4] for process in found.values()))
    reading.gauge("processes_zombie", states["zombie"])
    for state in (*_STATES.values(), "other"):
        reading.gauge("processes", states[state], ("state", state))
