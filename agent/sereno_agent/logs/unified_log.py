"""The unified log of macOS by `log show`: time and how many entries of that moment were read are the place there."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sereno_agent.logs.block import line_of
from sereno_agent.logs.polled import Places, Taken
from sereno_agent.policy_logs import PRIORITIES, JournalSource
from sereno_proto.v1.link_pb2 import LogLine

Ask = Callable[..., str | None]

_SEVERITY: Final = {"Fault": 2, "Error": 3, "Default": 6, "Info": 6, "Debug": 7}
_WARNING, _DEBUG = 4, 7
_STRETCH_MAX_S: Final = 60
_FORM: Final = "%Y-%m-%d %H:%M:%S%z"
_SLOW_S: Final = 1.0  # entries are written down a moment after they were said
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}[+-]\d{4}")


class UnifiedLog:
    """Asks stretch by stretch, each no longer than its answer may be."""

    def __init__(
        self, source: JournalSource, ask: Ask, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        worst = PRIORITIES.index(source.priority)
        self._options = ["--info"] if worst > _WARNING else []
        self._options += ["--debug"] if worst >= _DEBUG else []
        if worst <= _WARNING:
            self._options += ["--predicate", "messageType == error OR messageType == fault"]
        self._ask = ask
        self._now = now
        self._stretch_s = _STRETCH_MAX_S

    def ask(self, places: Places, lines_max: int) -> Taken | str:
        """Entries from the place on, up to a second ago."""
        until = self._now() - timedelta(seconds=_SLOW_S)
        if not places:
            return Taken((), {"at": until.isoformat(), "read": 0})
        at, read = datetime.fromisoformat(str(places["at"])), int(places.get("read", 0))
        end = min(until, at + timedelta(seconds=self._stretch_s))
        if end <= at:
            return Taken((), places)
        # Whole seconds around the stretch: the command knows no finer ones.
        bounds = (at.strftime(_FORM), (end + timedelta(seconds=1)).strftime(_FORM))
        text = self._ask("log", "show", "--style", "ndjson", "--start", bounds[0], "--end", bounds[1], *self._options)
        if text is None:
            if self._stretch_s > 1:
                self._stretch_s = max(1, self._stretch_s // 4)  # too much for one answer
                return Taken((), places, more=True)
            return Taken((), {"at": end.isoformat(), "read": 0}, end < until, lost=1)
        self._stretch_s = min(_STRETCH_MAX_S, self._stretch_s * 2)
        return self._taken(text, Stretch(at, read, end), lines_max, more=end < until)

    def _taken(self, text: str, stretch: "Stretch", lines_max: int, *, more: bool) -> Taken:
        """The lines of the stretch that were not read before; the place is after the last one taken."""
        lines: list[LogLine] = []
        at, seen = stretch.at, 0  # the moment of the last entry looked at, and how many of that moment there were
        for moment, entry in entries(text):
            if not stretch.at <= moment <= stretch.end:
                continue
            seen_now = seen + 1 if moment == at else 1
            if moment > stretch.at or seen_now > stretch.read:
                if len(lines) >= lines_max:
                    return Taken(lines, {"at": at.isoformat(), "read": seen}, more=True)
                lines += filter(None, [line_from(entry, moment)])
            at, seen = moment, seen_now
        if at != stretch.end:
            at, seen = stretch.end, 0
        return Taken(lines, {"at": at.isoformat(), "read": seen}, more)


class Stretch(NamedTuple):
    """From when on is asked, how many entries of that moment were read before, and until when."""

    at: datetime
    read: int
    end: datetime


def entries(text: str) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The entries of `log show --style ndjson` in the order of their time; the line that counts them is none."""
    found = []
    for row in text.splitlines():
        try:
            entry = json.loads(row)
            if entry.get("eventType", "logEvent") == "logEvent" and _MOMENT.fullmatch(entry["timestamp"]):
                found.append((datetime.fromisoformat(entry["timestamp"]), entry))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    found.sort(key=lambda one: one[0])
    yield from found


def line_from(entry: dict[str, Any], moment: datetime) -> LogLine | None:
    """One entry as a line; None when it says nothing."""
    message = str(entry.get("eventMessage") or "").strip()
    if not message:
        return None
    program = str(entry.get("processImagePath", "")).rpartition("/")[2]
    said_by = f"{program}[{entry.get('processID', '')}]: " if program else ""
    return line_of(
        said_by + message.replace("\0", ""),
        time_ms=round(moment.timestamp() * 1000),
        severity=_SEVERITY.get(str(entry.get("messageType")), 6),
        origin=str(entry.get("subsystem") or program),
    )
