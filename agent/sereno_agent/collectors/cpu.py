"""How busy the processors are, together and each: `cpu_used_ratio` 0..1 since the last reading, seconds by mode, load.

For platforms without a file of their own.
"""

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_agent.shares import Shares


def make(_surroundings: Surroundings) -> Collect:
    """Remembers the counters so that the first reading has something to compare with."""
    shares = Shares()
    _cores(shares)

    def collect(reading: Reading) -> None:
        for mode, seconds in psutil.cpu_times()._asdict().items():
            reading.counter("cpu_seconds", seconds, ("mode", mode))
        for core, used in _cores(shares).items():
            if core:
                reading.gauge("cpu_core_used_ratio", used, ("core", core))
            else:
                reading.gauge("cpu_used_ratio", used)
        for minutes, load in zip((1, 5, 15), psutil.getloadavg(), strict=True):
            reading.gauge(f"load{minutes}", load)

    return collect


def _cores(shares: Shares) -> dict[str, float]:
    """The part of the time since the last call that each core was busy; all together under ''."""
    cores = psutil.cpu_times(percpu=True)
    idle = {str(core): times.idle for core, times in enumerate(cores)}
    total = {str(core): sum(times) for core, times in enumerate(cores)}
    idle[""], total[""] = sum(idle.values()), sum(total.values())
    return {core: 1 - share for core, share in shares.since_last(idle, total).items()}
