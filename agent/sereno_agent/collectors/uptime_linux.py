"""When the machine started, whether it had been shut down properly before, and whether it wants to be started again.

`last_shutdown_clean` is 0 where the record of logins has a start with no shutdown before it: a crash or a lost supply.
`reboot_required` is 1 where an update asked for it, or where the running kernel's modules are gone.
"""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
_FLAGS: Final = ("/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed")
_MODULES: Final = ("/lib/modules", "/usr/lib/modules")
# struct utmp of Linux on x86-64, see utmp(5)
_RECORD_BYTES: Final = 384
_USER: Final = slice(44, 76)
_RUN_LEVEL, _BOOT = 1, 2


def make(surroundings: Surroundings) -> Collect:
    """Reads the record of logins once: how the machine went down does not change while it is up."""
    host = surroundings.host
    clean: bool | None = None
    looked = False

    def collect(reading: Reading) -> None:
        nonlocal clean, looked
        if not looked:
            clean, looked = shut_down_cleanly(host.content("/var/log/wtmp") or b""), True
        uptime = host.line("/proc/uptime").split()
        if not uptime:
            return
        reading.gauge("uptime_seconds", float(uptime[0]))
        stat = host.read("/proc/stat") or ""
        at = stat.find("\nbtime ")
        if at >= 0:
            reading.gauge("boot_time_seconds", int(stat[at + 7 : stat.find("\n", at + 1)]))
        if clean is not None:
            reading.gauge("last_shutdown_clean", clean)
        reading.gauge("reboot_required", any(map(host.exists, _FLAGS)) or _modules_gone(host))

    return collect


def shut_down_cleanly(wtmp: bytes) -> bool | None:
    """Whether a shutdown stands between the last two starts; None where the record does not hold two starts."""
    if len(wtmp) % _RECORD_BYTES:
        return None  # of another architecture
    starts = 0
    for at in range(len(wtmp) - _RECORD_BYTES, -1, -_RECORD_BYTES):
        record = wtmp[at : at + _RECORD_BYTES]
        kind, user = int.from_bytes(record[:2], "little"), record[_USER].rstrip(b"\0")
        if kind == _BOOT:
            starts += 1
            if starts == 2:  # noqa: PLR2004, the one before
                return False
        elif starts == 1 and kind == _RUN_LEVEL and user == b"shutdown":
            return True
    return None


def _modules_gone(host: Host) -> bool:
    running = host.line("/proc/sys/kernel/osrelease")
    kernels = [kernel for folder in _MODULES for kernel in host.names(folder)]
    return bool(running and kernels) and running not in kernels
