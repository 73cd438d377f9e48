"""What cannot be seen without root, said plainly: the agent never needs root for what does not need it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sereno_agent.doctor_row import Row, note, ok

if TYPE_CHECKING:
    from sereno_agent.doctor import Patient

# What is looked at (the first that exists decides), what is missed without it, and how to give it to the agent alone.
_SIGHTS: Final = (
    (("/proc/1/io",), "what other users' processes read and write, and their open files", ""),
    (("/var/log/syslog", "/var/log/messages"), "the system's log files", "add the agent's user to the group adm"),
    (
        ("/var/log/journal", "/run/log/journal"),
        "the system journal",
        "add the agent's user to the group systemd-journal",
    ),
    (("/dev/sda", "/dev/nvme0", "/dev/vda"), "the health of disks (SMART)", "add the agent's user to the group disk"),
    (("/etc/sudoers",), "who may use sudo", ""),
    (("/var/spool/cron/crontabs", "/var/spool/cron"), "other users' crontabs", ""),
    (("/var/spool/postfix", "/var/spool/mqueue"), "the mail queue", ""),
)


def sight(patient: "Patient") -> Iterator[Row]:
    """One note for each thing that exists here and that this user cannot read."""
    if patient.user == 0:
        yield ok("this is root: ask again as the agent's user to see what that user cannot see")
        return
    for paths, missed, remedy in _SIGHTS:
        there = next((Path(path) for path in paths if os.path.lexists(path)), None)
        if there is not None and not _readable(there):
            yield note(f"this user cannot see {missed} ({there})", remedy or "only root can; the rest works without")


def _readable(path: Path) -> bool:
    if not os.access(path, os.R_OK):
        return False
    if not path.is_file() or path.parts[1] != "proc":
        return True
    try:
        path.read_bytes()  # /proc says at reading what it does not say before
    except OSError:
        return False
    return True
