r"""The policy's log sources: which lines are read, and how.

[logs.app]
path = "/var/log/app/*.log"       # absolute; * ? [a-z] in any part of it
links = ["/var/log/pods"]         # folders into which links may lead that the path names; left out: none is followed
exclude = ["*.old.log"]           # file names that are left out; packed files (.gz ...) always are
multiline = "^\\d{4}-"            # a record begins with a line that this matches; left out: each line is one
encoding = "utf-8"                # left out: utf-8; what does not decode is replaced
from = "end"                      # where reading begins in files that are there already: "end" (default), "start"
lines_per_minute = 6000           # more are counted and withheld; a fifth is kept for warnings and worse

[journal]                         # the systemd journal; Windows' event log; the unified log of macOS
read = true
units = ["ssh.service"]           # systemd: left out: all
channels = ["System"]             # Windows: left out: System and Application
priority = "info"                 # this and worse
lines_per_minute = 6000
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sereno_agent.policy_text import Table
from sereno_proto.limits import LOG_LINES_PER_MINUTE, LOG_LINES_PER_MINUTE_MAX

JOURNAL: Final = "journal"  # the name of the journal as a source
# In these a line feed is one byte that is part of nothing else, or, in UTF-16, one unit of two.
ENCODINGS: Final = frozenset(
    {
        *("utf-8", "ascii", "latin-1", "cp1250", "cp1251", "cp1252", "iso8859-2", "iso8859-15", "cp437", "cp850"),
        *("koi8-r", "shift_jis", "euc-jp", "euc-kr", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be"),
    }
)
_CHANNEL: Final = r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,200}"
PRIORITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@dataclass(frozen=True)
class LogSource:
    """Files whose lines are sent."""

    name: str
    path: Path  # with wildcards
    exclude: tuple[str, ...] = ()
    multiline: str = ""
    encoding: str = "utf-8"
    from_start: bool = False
    lines_per_minute: int = LOG_LINES_PER_MINUTE
    links: tuple[Path, ...] = ()  # folders into which links may lead


@dataclass(frozen=True)
class JournalSource:
    """What of the system's own journal is sent."""

    units: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("System", "Application")
    priority: str = "info"
    lines_per_minute: int = LOG_LINES_PER_MINUTE


def log_source(name: str, entry: Table) -> LogSource:
    """Reads `[logs.NAME]`."""
    entry.only("path", "links", "exclude", "multiline", "encoding", "from", "lines_per_minute")
    if name == JOURNAL:
        raise entry.wrong("", "this name is the journal's")
    return LogSource(
        name=name,
        path=entry.path("path"),
        exclude=entry.globs("exclude"),
        multiline=entry.expression("multiline"),
        encoding=entry.choice("encoding", "utf-8", ENCODINGS),
        from_start=entry.choice("from", "end", ("end", "start")) == "start",
        lines_per_minute=_rate(entry),
        links=entry.paths("links"),
    )


def journal_source(entry: Table) -> JournalSource | None:
    """Reads `[journal]`; None when it is not to be read."""
    entry.only("read", "units", "channels", "priority", "lines_per_minute", "keep_bytes")
    for channel in entry.names("channels"):
        if not re.fullmatch(_CHANNEL, channel):
            raise entry.wrong("channels", f"{channel!r} is no channel of the event log")
    source = JournalSource(
        units=entry.names("units"),
        channels=entry.names("channels") or JournalSource.channels,
        priority=entry.choice("priority", "info", PRIORITIES),
        lines_per_minute=_rate(entry),
    )
    return source if entry.boolean("read", default=False) else None


def _rate(entry: Table) -> int:
    return entry.integer("lines_per_minute", LOG_LINES_PER_MINUTE, 1, LOG_LINES_PER_MINUTE_MAX)
