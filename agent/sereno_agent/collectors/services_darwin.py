"""launchd's jobs: how many run, and which ended with an error."""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
UNITS_MAX: Final = 200
_FIELDS: Final = 3


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        watched = {service.unit: name for name, service in surroundings.policy().services.items()}
        text = surroundings.host.ask("launchctl", "list")
        if text is not None:
            write(reading, text, watched)

    return collect


def write(reading: Reading, text: str, watched: dict[str, str]) -> None:
    """Series of `launchctl list`: PID (or -), last exit status, label; a negative status is a signal."""
    active, failed = 0, []
    for line in text.splitlines()[1:]:
        words = line.split("\t")
        if len(words) != _FIELDS:
            continue
        pid, status, label = words
        active += pid != "-"
        if pid == "-" and status != "0":
            failed.append(label)
        if name := watched.get(label):
            reading.gauge("service_active", pid != "-", ("service", name))
    reading.gauge("services_active", active)
    reading.gauge("services_failed", len(failed))
    for label in failed[:UNITS_MAX]:
        reading.gauge("service_failed", 1, ("service", label))
