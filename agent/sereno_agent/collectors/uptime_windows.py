"""When Windows started, and whether it wants to be started again (updates, servicing, files to be replaced)."""

from typing import Final

import psutil

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
_PENDING: Final = (
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
)
_SESSION: Final = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        started = psutil.boot_time()
        reading.gauge("boot_time_seconds", started)
        reading.gauge("uptime_seconds", max(0.0, surroundings.now_ms() / 1000 - started))
        reading.gauge("reboot_required", reboot_required(surroundings.host))

    return collect


def reboot_required(host: Host) -> bool:
    """Whether one of the two keys exists, which vanish at the next start, or files wait to be replaced."""
    renames = (host.registry.values(_SESSION) or {}).get("PendingFileRenameOperations", "")
    return any(host.registry.values(key) is not None for key in _PENDING) or bool(renames.strip())
