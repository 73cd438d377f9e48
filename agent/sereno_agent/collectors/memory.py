"""Memory and swap in bytes. Used is what could not be given to a new process: total less available."""

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings


def make(_surroundings: Surroundings) -> Collect:
    return collect


def collect(reading: Reading) -> None:
    memory = psutil.virtual_memory()
    reading.gauge("memory_used_bytes", memory.total - memory.available)
    reading.gauge("memory_total_bytes", memory.total)
    swap = psutil.swap_memory()
    if swap.total:
        reading.gauge("swap_used_bytes", swap.used)
        reading.gauge("swap_total_bytes", swap.total)
