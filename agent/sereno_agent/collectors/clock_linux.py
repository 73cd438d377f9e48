"""The clock: offset from its source, greatest possible error, whether it is synchronised, and by whom.

`clock_synchronised` is the kernel's word; `clock_stratum` is chrony's, `clock_synchronised_age_seconds` timesyncd's.
"""

import json
import sys
from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 30.0
APART: Final = True
_UNSYNCHRONISED: Final = 5
_PROBE: Final = (sys.executable, "-P", "-s", "-B", "-m", "sereno_agent.probe_clock")
_TIMESYNCD: Final = "/run/systemd/timesync/synchronized"
_TRACKING_FIELDS: Final = 14


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        try:
            told = json.loads(host.ask(*_PROBE) or "{}")
        except ValueError:
            told = {}
        if "state" not in told:
            # A hardened unit may not even ask the kernel; systemd may be asked by anyone.
            said = host.ask("timedatectl", "show", "--property=NTPSynchronized", timeout_s=5.0) or ""
            if "=" in said:
                reading.gauge("clock_synchronised", said.strip().endswith("=yes"))
        else:
            reading.gauge("clock_synchronised", told["state"] != _UNSYNCHRONISED)
            reading.gauge("clock_offset_seconds", told["offset_s"])
            reading.gauge("clock_error_max_seconds", told["error_max_s"])
        _sources(reading, host, surroundings.now_ms() / 1000)

    return collect


def _sources(reading: Reading, host: Host, now_s: float) -> None:
    tracking = (host.ask("chronyc", "-c", "tracking", timeout_s=5.0) or "").strip().split(",")
    if len(tracking) >= _TRACKING_FIELDS and tracking[2].isdigit():
        reading.gauge("clock_stratum", int(tracking[2]), ("source", "chrony"))
        # chrony says how far the system is behind (-) or before its source; the kernel only what it still slews.
        reading.gauge("clock_source_offset_seconds", float(tracking[4]), ("source", "chrony"))
    synchronised = host.modified_s(_TIMESYNCD)
    if synchronised is not None:
        reading.gauge("clock_synchronised_age_seconds", max(0.0, now_s - synchronised), ("source", "timesyncd"))
