"""The batteries' charge. For platforms without a file of their own."""

from typing import Final

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000


def make(_surroundings: Surroundings) -> Collect:
    return collect


def collect(reading: Reading) -> None:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return
    label = ("battery", "0")
    reading.gauge("battery_used_ratio", 1 - battery.percent / 100, label)
    reading.gauge("battery_whole_ratio", 1, label)
    if battery.power_plugged is not None:
        reading.gauge("mains_online", battery.power_plugged)
