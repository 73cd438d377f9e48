"""How busy the processors are: `cpu_used_ratio` 0..1 since the last reading, and `load1`."""

import os

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings


def make(_surroundings: Surroundings) -> Collect:
    """Remembers the counters so that the first reading has something to compare with."""
    last_idle, last_total = _times()

    def collect(reading: Reading) -> None:
        nonlocal last_idle, last_total
        idle, total = _times()
        if total > last_total:
            reading.gauge("cpu_used_ratio", min(1.0, max(0.0, 1 - (idle - last_idle) / (total - last_total))))
        last_idle, last_total = idle, total
        reading.gauge("load1", os.getloadavg()[0])

    return collect


def _times() -> tuple[float, float]:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # guest time is part of user time already
    return idle, sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
