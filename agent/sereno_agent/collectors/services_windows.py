"""Windows services: how many run, and which of those that start by themselves do not."""

from collections.abc import Iterable, Mapping
from typing import Final

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
UNITS_MAX: Final = 200


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        watched = {service.unit.lower(): name for name, service in surroundings.policy().services.items()}
        # psutil has this on Windows only
        write(reading, (service.as_dict() for service in psutil.win_service_iter()), watched)  # type: ignore[attr-defined]

    return collect


def write(reading: Reading, services: Iterable[Mapping[str, str]], watched: Mapping[str, str]) -> None:
    """Series of services as psutil describes them; watched: the policy's name of each, by lower-case service name."""
    active, stopped = 0, []
    for service in services:
        running = service["status"] == "running"
        active += running
        if service["start_type"] == "automatic" and not running:
            stopped.append(service["name"])
        if name := watched.get(service["name"].lower()):
            reading.gauge("service_active", running, ("service", name))
    reading.gauge("services_active", active)
    reading.gauge("services_failed", len(stopped))
    for name in stopped[:UNITS_MAX]:
        reading.gauge("service_failed", 1, ("service", name))
