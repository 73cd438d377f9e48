"""When the machine started, and how long ago. For platforms without a file of their own."""

from typing import Final

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        started = psutil.boot_time()
        reading.gauge("boot_time_seconds", started)
        reading.gauge("uptime_seconds", max(0.0, surroundings.now_ms() / 1000 - started))

    return collect
