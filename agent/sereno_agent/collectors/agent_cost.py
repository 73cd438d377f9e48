"""What the agent itself costs: `agent_resident_bytes` and `agent_cpu_seconds`."""

import time

from sereno_agent.cost import resident_bytes
from sereno_agent.reading import Collect, Reading, Surroundings


def make(_surroundings: Surroundings) -> Collect:
    return collect


def collect(reading: Reading) -> None:
    reading.gauge("agent_resident_bytes", resident_bytes())
    reading.counter("agent_cpu_seconds", time.process_time())
