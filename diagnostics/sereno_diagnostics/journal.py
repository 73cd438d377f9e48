"""What `journalctl --output=json` writes. Pure: text in, rows out; a line that is torn is passed over."""

import json
from collections.abc import Iterator
from typing import NamedTuple


class Row(NamedTuple):
    """One message. priority: 0 (emergency) to 7 (debug)."""

    at_s: float
    source: str  # unit, else the program
    text: str
    priority: int


def rows(text: str) -> Iterator[Row]:
    """Each message, in the order in which they stand."""
    for line in text.splitlines():
        try:
            told = json.loads(line)
            at = int(told["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue
        source = told.get("_SYSTEMD_UNIT") or told.get("SYSLOG_IDENTIFIER") or told.get("_COMM") or "unknown"
        priority = str(told.get("PRIORITY", "6"))
        yield Row(at, str(source), _message(told.get("MESSAGE")), int(priority) if priority.isdigit() else 6)


def _message(value: object) -> str:
    """What holds unprintable bytes is given as a list of numbers."""
    if isinstance(value, list):
        return bytes(one for one in value if isinstance(one, int) and 0 <= one < 256).decode("utf-8", "replace")  # noqa: PLR2004
    return value if isinstance(value, str) else ""
