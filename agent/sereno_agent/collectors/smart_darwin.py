"""Health of a Mac's disks, as `diskutil` tells their own verdict."""

import re
from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 60.0
APART: Final = True
_FIELD: Final = re.compile(r"^\s+(Device Identifier|Whole|SMART Status):\s+(.*?)\s*$", re.MULTILINE)
_BLOCK: Final = "**********"


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        for block in (surroundings.host.ask("diskutil", "info", "-all") or "").split(_BLOCK):
            fields = dict(_FIELD.findall(block))
            status = fields.get("SMART Status", "")
            if fields.get("Whole") == "Yes" and status in {"Verified", "Failing"}:
                reading.gauge("disk_healthy", status == "Verified", ("disk", fields.get("Device Identifier", "")))

    return collect
