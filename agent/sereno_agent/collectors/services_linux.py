"""Services and timers of systemd or OpenRC: how many failed and which, and those that the policy names in detail.

One `systemctl show` a minute tells all; of OpenRC, its folders. There a service of the present runlevel that does not
run counts as failed. A timer's `scheduled_job_succeeded` is the result of what it last started.
"""

from typing import Final

from sereno_agent import openrc
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import systemd

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
UNITS_MAX: Final = 200
_RUNNING: Final = "/run/systemd/system"
_WATCHED: Final = (
    ("MemoryCurrent", "service_memory_bytes", 1.0),
    ("TasksCurrent", "service_tasks", 1.0),
)
_COUNTED: Final = (("NRestarts", "service_restarts", 1.0), ("CPUUsageNSec", "service_cpu_seconds", 1e-9))


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        watched = {service.unit: name for name, service in surroundings.policy().services.items()}
        if not host.exists(_RUNNING):
            _openrc(reading, openrc.services(host), watched)
            return
        units = systemd.parse(host.ask(*systemd.SHOW, "*.service", "*.timer", timeout_s=20.0) or "")
        services = {unit["Id"]: unit for unit in units if unit.get("Id", "").endswith(".service")}
        if not services:
            return
        for state in ("active", "failed"):
            count = sum(unit.get("ActiveState") == state for unit in services.values())
            reading.gauge(f"services_{state}", count)
        failed = [name for name, unit in services.items() if unit.get("ActiveState") == "failed"]
        for unit in failed[:UNITS_MAX]:
            reading.gauge("service_failed", 1, ("service", watched.get(unit, unit)))
        for unit, name in watched.items():
            _watched(reading, name, services.get(unit, {}))
        timers = [unit for unit in units if unit.get("Id", "").endswith(".timer")]
        for timer in timers[:UNITS_MAX]:
            _timer(reading, timer, services, surroundings.now_ms() / 1000)

    return collect


def _openrc(reading: Reading, services: dict[str, openrc.Service], watched: dict[str, str]) -> None:
    if not services:
        return
    failed = [
        name for name, one in services.items() if one.state == "crashed" or (one.wanted and one.state == "stopped")
    ]
    reading.gauge("services_active", sum(one.state == "running" for one in services.values()))
    reading.gauge("services_failed", len(failed))
    for name in failed[:UNITS_MAX]:
        reading.gauge("service_failed", 1, ("service", name))
    for unit, name in watched.items():
        one = services.get(unit.removesuffix(".service"))
        reading.gauge("service_active", one is not None and one.state == "running", ("service", name))


def _watched(reading: Reading, name: str, unit: systemd.Unit) -> None:
    label = ("service", name)
    reading.gauge("service_active", unit.get("ActiveState") in {"active", "reloading"}, label)
    for key, series, scale in _WATCHED:
        if (value := systemd.number(unit, key)) is not None:
            reading.gauge(series, value * scale, label)
    for key, series, scale in _COUNTED:
        if (value := systemd.number(unit, key)) is not None:
            reading.counter(series, value * scale, label)


def _timer(reading: Reading, timer: systemd.Unit, services: dict[str, systemd.Unit], now_s: float) -> None:
    job = timer["Id"].removesuffix(".timer")
    label = ("job", job)
    started = services.get(timer.get("Unit") or f"{job}.service", {})
    if started.get("Result"):
        reading.gauge("scheduled_job_succeeded", started["Result"] == "success", label)
    ran = systemd.moment(timer.get("LastTriggerUSec", ""))
    if ran is not None:
        reading.gauge("scheduled_job_age_seconds", max(0.0, now_s - ran), label)
