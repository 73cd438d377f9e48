"""How long and how often processors were slowed down because they were too hot (x86; Linux 5.6 counts the time).

`cpu_throttled_seconds` is that of the processor that was worst off.
"""

import re
from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
PROCESSORS_MAX: Final = 256
_PROCESSORS: Final = "/sys/devices/system/cpu"
_PROCESSOR: Final = re.compile(r"cpu\d+")


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        longest_ms, events = None, None
        for name in [name for name in host.names(_PROCESSORS) if _PROCESSOR.fullmatch(name)][:PROCESSORS_MAX]:
            path = f"{_PROCESSORS}/{name}/thermal_throttle"
            count = host.integer(f"{path}/core_throttle_count")
            if count is None:
                break  # all of them have it, or none
            events = (events or 0) + count
            for part in ("core", "package"):
                slowed_ms = host.integer(f"{path}/{part}_throttle_total_time_ms")
                if slowed_ms is not None:
                    longest_ms = max(longest_ms or 0, slowed_ms)
        if events is not None:
            reading.counter("cpu_throttled_events", events)
        if longest_ms is not None:
            reading.counter("cpu_throttled_seconds", longest_ms / 1000)

    return collect
