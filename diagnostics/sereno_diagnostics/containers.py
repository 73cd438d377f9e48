"""Containers as Docker and Podman describe them (`container inspect`)."""

import json
from typing import Any, Final, NamedTuple

from sereno_diagnostics.reading import Reader

RUNTIMES: Final = ("docker", "podman")
READS: Final = tuple(f"{what}_{runtime}" for runtime in RUNTIMES for what in ("containers", "container"))
CONTAINERS_MAX: Final = 40


class Container(NamedTuple):
    """One container."""

    name: str
    state: str  # running, restarting, exited, ...
    health: str  # healthy, unhealthy, starting, or empty
    exit_code: int
    restarts: int
    out_of_memory: bool
    memory_limit: int  # bytes; 0: none

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def words(self) -> str:
        """As people say it."""
        health = f", {self.health}" if self.health else ""
        ended = "" if self.running else f", exit code {self.exit_code}"
        return f"{self.state}{health}{ended}, {self.restarts} restarts"


def all_of(reader: Reader) -> list[Container] | None:
    """Every container of both runtimes; None when neither answers."""
    answered = False
    found: list[Container] = []
    for runtime in RUNTIMES:
        listed = reader.told(f"containers_{runtime}")
        answered |= listed is not None
        identities = [line for line in (listed or "").split() if set(line) <= set("0123456789abcdef")]
        reader.truncated |= len(identities) > CONTAINERS_MAX
        told = (reader.told(f"container_{runtime}", container=identity) for identity in identities[:CONTAINERS_MAX])
        found += [one for text in told if (one := parse(text or "")) is not None]
    return found if answered else None


def parse(text: str) -> Container | None:
    """The answer to one `container inspect`; None when it is none."""
    try:
        told: Any = json.loads(text)[0]
        state = told["State"]
        limit = told.get("HostConfig", {}).get("Memory", 0)
        health = (state.get("Health") or state.get("Healthcheck") or {}).get("Status", "")
        return Container(
            str(told.get("Name", "")).lstrip("/"),
            str(state.get("Status", "unknown")),
            str(health),
            int(state.get("ExitCode", 0)),
            int(told.get("RestartCount", 0)),
            bool(state.get("OOMKilled")),
            int(limit),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
