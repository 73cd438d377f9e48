"""How many messages lie in the spools of Postfix and Exim, whose folders are hashed by one sign."""

from typing import Final, Protocol

POSTFIX: Final = "/var/spool/postfix"
EXIM: Final = ("/var/spool/exim4/input", "/var/spool/exim/input")
QUEUES: Final = ("maildrop", "incoming", "active", "deferred", "hold")
MESSAGES_MAX: Final = 100_000
DEPTH_MAX: Final = 4
READS: Final = (
    *(f"{POSTFIX}/{queue}/**" for queue in QUEUES),
    *(f"{folder}/**" for folder in EXIM),
)


class Names(Protocol):
    """Whatever lists folders: the agent's host, a check's reader."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none when it is missing or unreadable."""
        ...


def counts(host: Names) -> dict[str, int]:
    """Messages by queue, of those in which something lies, or whose siblings may be seen."""
    found = {queue: messages(host, f"{POSTFIX}/{queue}", "") for queue in QUEUES}
    if not any(found.values()) and not any(host.names(f"{POSTFIX}/{queue}") for queue in QUEUES):
        found = {}
    for folder in EXIM:
        if host.names(folder):
            found["exim"] = found.get("exim", 0) + messages(host, folder, "-H")
    return found


def messages(host: Names, folder: str, ending: str) -> int:
    """How many messages lie in a folder and its hash folders, whose names are one sign long."""
    count, waiting = 0, [(folder, 0)]
    while waiting and count < MESSAGES_MAX:
        here, depth = waiting.pop()
        for name in host.names(here):
            if len(name) == 1 and depth < DEPTH_MAX:
                waiting.append((f"{here}/{name}", depth + 1))
            elif name.endswith(ending) and not name.startswith("."):
                count += 1
    return count
