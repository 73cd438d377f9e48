"""How busy the processors are, together and each: `cpu_used_ratio` 0..1 since the last reading, seconds by mode, load.

All from one reading of /proc/stat; what waits for a disk counts as idle.
"""

import os
from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_agent.shares import Shares

CORES_MAX: Final = 256  # beyond this only the sum
_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE, _IOWAIT = 3, 4
_HERTZ: Final = os.sysconf("SC_CLK_TCK")
_COUNTERS: Final = {"ctxt": "context_switches", "processes": "processes_forked"}
_GAUGES: Final = {"procs_running": "processes_running", "procs_blocked": "processes_blocked"}


def make(surroundings: Surroundings) -> Collect:
    """Remembers the counters so that the first reading has something to compare with."""
    host = surroundings.host
    shares = Shares()

    def lines() -> list[list[str]]:
        return [line.split() for line in (host.read("/proc/stat") or "").splitlines() if not line.startswith("intr")]

    def collect(reading: Reading) -> None:
        found = lines()
        _count(reading, found)
        for core, used in list(_busy(shares, found).items())[: CORES_MAX + 1]:
            if core:
                reading.gauge("cpu_core_used_ratio", used, ("core", core))
            else:
                reading.gauge("cpu_used_ratio", used)
        for minutes, load in zip((1, 5, 15), host.line("/proc/loadavg").split(), strict=False):
            reading.gauge(f"load{minutes}", float(load))

    _busy(shares, lines())
    return collect


def _count(reading: Reading, lines: list[list[str]]) -> None:
    for words in lines:
        if words[0] == "cpu":
            for mode, ticks in zip(_MODES, words[1:], strict=False):
                reading.counter("cpu_seconds", int(ticks) / _HERTZ, ("mode", mode))
        elif words[0] in _COUNTERS:
            reading.counter(_COUNTERS[words[0]], int(words[1]))
        elif words[0] in _GAUGES:
            reading.gauge(_GAUGES[words[0]], int(words[1]))


def _busy(shares: Shares, lines: list[list[str]]) -> dict[str, float]:
    """The part of the time since the last call that each core was busy; all together under ''."""
    counts = {words[0][3:]: [int(word) for word in words[1:9]] for words in lines if words[0].startswith("cpu")}
    # guest time, behind these eight, is part of user time already
    idle = {core: ticks[_IDLE] + ticks[_IOWAIT] for core, ticks in counts.items()}
    waited = shares.since_last(idle, {core: sum(ticks) for core, ticks in counts.items()})
    return {core: 1 - share for core, share in waited.items()}
