"""A Mac's battery: charge, health, cycles, and whether it has mains (`pmset`, `system_profiler`)."""

import re
from typing import Final

from sereno_agent.collectors.inventory_darwin import profile
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 60.0
APART: Final = True
_BATTERY: Final = re.compile(r"InternalBattery-(\d+)[^\t]*\t(\d+)%")


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        text = host.ask("pmset", "-g", "batt") or ""
        found = _BATTERY.search(text)
        if "drawing from" in text:
            reading.gauge("mains_online", "'AC Power'" in text)
        if found is None:
            return
        label = ("battery", found[1])
        reading.gauge("battery_used_ratio", 1 - int(found[2]) / 100, label)
        reading.gauge("battery_whole_ratio", 1, label)
        for one in profile(host.ask("system_profiler", "-json", "SPPowerDataType")).get("SPPowerDataType", []):
            health = one.get("sppower_battery_health_info", {})
            capacity = str(health.get("sppower_battery_health_maximum_capacity", "")).rstrip("%")
            if isinstance(health.get("sppower_battery_cycle_count"), int):
                reading.gauge("battery_cycles", health["sppower_battery_cycle_count"], label)
            if capacity.isdigit():
                reading.gauge("battery_health_ratio", int(capacity) / 100, label)

    return collect
