"""Cron: the system's tables, those of users (where they may be read), and the scripts that run hourly to monthly."""

from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 15_000
_TABLES: Final = ("/etc/crontab", "/etc/anacrontab")
_FOLDERS: Final = ("/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron")
_SCRIPTS: Final = ("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly")
_LEFT: Final = (".placeholder", ".dpkg-")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("schedule_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Every table and script as text."""
    paths = [*_TABLES]
    for folder in (*_FOLDERS, *_SCRIPTS):
        paths += [f"{folder}/{name}" for name in host.names(folder) if not any(left in name for left in _LEFT)]
    values = {}
    for path in paths:
        text = host.read(path)
        if text is not None:
            values[f"cron {path}"] = _meaning(text) if "/cron." not in path or "/cron.d/" in path else text
    return State(values)


def _meaning(text: str) -> str:
    """Without comments: a table that is only commented does the same."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
