"""Pressure stall information: how long tasks waited for processor, memory or disk, `some` of them or all (`full`)."""

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for resource in ("cpu", "io", "memory"):
            for kind, figures in procfs.pressure(host.read(f"/proc/pressure/{resource}") or "").items():
                if resource == "cpu" and kind == "full":
                    continue  # never anything but 0 for a whole machine
                labels = (("kind", kind), ("resource", resource))
                reading.counter("pressure_stalled_seconds", figures.get("total", 0) / 1e6, *labels)
                reading.gauge("pressure_stalled_ratio", figures.get("avg60", 0) / 100, *labels)

    return collect
