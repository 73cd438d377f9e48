"""Temperatures and fans of the sensors that the kernel knows, batteries and mains.

`battery_used_ratio` is what is gone of the charge, out of `battery_whole_ratio` = 1; `battery_health_ratio` is what a
full charge still holds of what it was made for.
"""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
CHIPS_MAX: Final = 64
_HWMON: Final = "/sys/class/hwmon"
_SUPPLY: Final = "/sys/class/power_supply"
_MILLI: Final = 1000
_CELSIUS_MAX: Final = 300  # beyond this a sensor is not connected


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        seen: dict[str, int] = {}
        for folder in host.names(_HWMON)[:CHIPS_MAX]:
            path = f"{_HWMON}/{folder}"
            chip = host.line(f"{path}/name") or folder
            seen[chip] = seen.get(chip, 0) + 1
            _chip(reading, host, path, chip if seen[chip] == 1 else f"{chip}-{seen[chip]}")
        for supply in host.names(_SUPPLY):
            _supply(reading, host, f"{_SUPPLY}/{supply}", supply)

    return collect


def _chip(reading: Reading, host: Host, path: str, chip: str) -> None:
    for name in host.names(path):
        sensor, _, what = name.rpartition("_")
        if what != "input":
            continue
        value = host.integer(f"{path}/{name}")
        if value is None:
            continue
        labels = (("chip", chip), ("sensor", host.line(f"{path}/{sensor}_label") or sensor))
        if sensor.startswith("temp") and abs(value) < _CELSIUS_MAX * _MILLI:
            reading.gauge("temperature_celsius", value / _MILLI, *labels)
            critical = host.integer(f"{path}/{sensor}_crit")
            if critical and 0 < critical < _CELSIUS_MAX * _MILLI:
                reading.gauge("temperature_critical_celsius", critical / _MILLI, *labels)
        elif sensor.startswith("fan"):
            reading.gauge("fan_rotations_per_minute", value, *labels)


def _supply(reading: Reading, host: Host, path: str, name: str) -> None:
    kind = host.line(f"{path}/type")
    if kind == "Mains":
        online = host.integer(f"{path}/online")
        if online is not None:
            reading.gauge("mains_online", online)
    if kind != "Battery" or host.line(f"{path}/scope") == "Device":
        return  # a mouse's or a headset's battery is not this machine's
    label = ("battery", name)
    charge = host.integer(f"{path}/capacity")
    if charge is not None:
        reading.gauge("battery_used_ratio", 1 - min(charge, 100) / 100, label)
        reading.gauge("battery_whole_ratio", 1, label)
    for unit in ("energy", "charge"):
        full, made = (host.integer(f"{path}/{unit}_{which}") for which in ("full", "full_design"))
        if full and made:
            reading.gauge("battery_health_ratio", full / made, label)
            break
    cycles = host.integer(f"{path}/cycle_count")
    if cycles:
        reading.gauge("battery_cycles", cycles, label)
