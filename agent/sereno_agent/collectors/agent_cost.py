"""What the agent itself costs: `agent_resident_bytes` and `agent_cpu_seconds`; and what its children did cost.

`agent_children_cpu_seconds` counts workers, the executor and the programs that were asked, once they have ended;
`agent_wait_seconds` is the longest that collectors waited for a processor since the reading before.
"""

import os
import time

from sereno_agent.cost import resident_bytes
from sereno_agent.reading import Collect, Reading, Surroundings


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        reading.gauge("agent_resident_bytes", resident_bytes())
        reading.gauge("agent_wait_seconds", surroundings.waited_s())
        reading.counter("agent_cpu_seconds", time.process_time())
        ended = os.times()
        reading.counter("agent_children_cpu_seconds", ended.children_user + ended.children_system)

    return collect
