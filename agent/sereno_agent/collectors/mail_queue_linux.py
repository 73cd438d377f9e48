"""Mail that waits, by queue: Postfix and Exim, where this user may look into their spool."""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 30.0
APART: Final = True
MESSAGES_MAX: Final = 100_000
_POSTFIX: Final = "/var/spool/postfix"
_EXIM: Final = ("/var/spool/exim4/input", "/var/spool/exim/input")
_DEPTH_MAX: Final = 4


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for queue in ("maildrop", "incoming", "active", "deferred", "hold"):
            if host.readable(f"{_POSTFIX}/{queue}"):
                reading.gauge("mail_queue_messages", _files(host, f"{_POSTFIX}/{queue}", ""), ("queue", queue))
        for folder in _EXIM:
            if host.readable(folder):
                reading.gauge("mail_queue_messages", _files(host, folder, "-H"), ("queue", "exim"))

    return collect


def _files(host: Host, folder: str, ending: str) -> int:
    """How many messages lie in a folder and its hash folders, whose names are one sign long."""
    count, waiting = 0, [(folder, 0)]
    while waiting and count < MESSAGES_MAX:
        here, depth = waiting.pop()
        for name in host.names(here):
            if len(name) == 1 and depth < _DEPTH_MAX:
                waiting.append((f"{here}/{name}", depth + 1))
            elif name.endswith(ending) and not name.startswith("."):
                count += 1
    return count
