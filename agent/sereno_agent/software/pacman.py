"""pacman's local database: a folder for each package, its name and version the folder's name; and pacman's log."""

import re
import time
from collections.abc import Iterable
from typing import Final

from sereno_agent.host import Host
from sereno_agent.software import NEAR_S, Database, Installed
from sereno_agent.software.dpkg import tail

_LOCAL: Final = "/var/lib/pacman/local"
_LOG: Final = "/var/log/pacman.log"
_RUNNING: Final = re.compile(r"^\[([0-9T:+-]+)\] \[PACMAN\] Running '(.*)'$")
_LASTS_S: Final = 3600  # the command is written down when it begins
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"


def _installed(host: Host) -> Installed | None:
    return Installed(pacman(host.names(_LOCAL)))


def pacman(folders: Iterable[str]) -> dict[str, str]:
    """Name -> version-release of folders named NAME-VERSION-RELEASE."""
    split = (folder.rsplit("-", 2) for folder in folders)
    return {parts[0]: f"{parts[1]}-{parts[2]}" for parts in split if len(parts) == 3 and parts[0]}  # noqa: PLR2004


def request(log: str, modified_s: float) -> str:
    """The command that ran pacman last, of its log; empty where that was long before. The log names no person."""
    for line in reversed(log.splitlines()):
        if found := _RUNNING.match(line):
            try:
                began = time.strptime(found[1], _TIME)
            except ValueError:
                return ""
            at = _epoch(began)
            return found[2][:200] if -NEAR_S <= modified_s - at <= _LASTS_S else ""
    return ""


def _epoch(moment: time.struct_time) -> float:
    import calendar  # noqa: PLC0415, needed where pacman is, and only after a change

    return calendar.timegm(moment) - (moment.tm_gmtoff or 0)


PACMAN: Final = Database(
    "pacman",
    (_LOCAL,),
    _installed,
    busy=lambda host: host.exists("/var/lib/pacman/db.lck"),
    who=lambda host, modified_s: request(tail(host, _LOG), modified_s),
)
