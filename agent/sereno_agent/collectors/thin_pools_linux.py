"""LVM thin pools: data and metadata used, out of what there is. `lvs` tells them to root only."""

import json
from typing import Any, Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 60.0
APART: Final = True
_FIELDS: Final = "vg_name,lv_name,lv_size,data_percent,lv_metadata_size,metadata_percent"
_COMMAND: Final = (
    "lvs",
    "--reportformat",
    "json",
    "--units",
    "b",
    "--nosuffix",
    "-o",
    _FIELDS,
    "-S",
    "segtype=thin-pool",
)


def parse(text: str) -> list[dict[str, str]]:
    """The rows of lvs' report; none where it is no report."""
    try:
        report: Any = json.loads(text)["report"]
        return [row for part in report for row in part["lv"]]
    except (ValueError, KeyError, TypeError):
        return []


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        if not any(name.startswith("dm-") for name in host.names("/sys/block")):
            return
        for row in parse(host.ask(*_COMMAND) or ""):
            label = ("pool", f"{row.get('vg_name')}/{row.get('lv_name')}")
            for what, size, percent in (
                ("thin_pool", "lv_size", "data_percent"),
                ("thin_pool_metadata", "lv_metadata_size", "metadata_percent"),
            ):
                if row.get(size) and row.get(percent):
                    size_bytes = float(row[size])
                    reading.gauge(f"{what}_used_bytes", size_bytes * float(row[percent]) / 100, label)
                    reading.gauge(f"{what}_size_bytes", size_bytes, label)

    return collect
