"""Processes: how many there are, and of each program that takes most memory, how much.

For platforms without a file of their own.
"""

from collections import Counter
from typing import Final

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
TOP: Final = 10
NAMES_MAX: Final = 200  # programs that ever get a series of their own


def make(_surroundings: Surroundings) -> Collect:
    """Remembers which programs have a series, so that there are never too many."""
    named: set[str] = set()

    def collect(reading: Reading) -> None:
        memory: Counter[str] = Counter()
        count = 0
        for process in psutil.process_iter(["name", "memory_info"]):
            count += 1
            if process.info["memory_info"] and process.info["name"]:
                memory[process.info["name"]] += process.info["memory_info"].rss
        reading.gauge("processes_total", count)
        for name, resident in memory.most_common(TOP):
            if name in named or len(named) < NAMES_MAX:
                named.add(name)
                reading.gauge("process_resident_bytes", resident, ("process", name))

    return collect
