"""Windows' event log by `wevtutil`: the record id of each channel is the place there."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from sereno_agent.logs.block import line_of
from sereno_agent.logs.polled import Places, Taken
from sereno_agent.policy_logs import PRIORITIES, JournalSource
from sereno_proto.v1.link_pb2 import LogLine

Ask = Callable[..., str | None]

EVENTS_MAX: Final = 200  # of one question: rendered events are long
_SEVERITY: Final = {1: 2, 2: 3, 3: 4, 4: 6, 5: 7}  # critical, error, warning, information, verbose
_INFORMATION: Final = 6
_AUDIT_FAILURE: Final = 0x10000000000000
_NAMESPACE: Final = re.compile(r"\sxmlns=(?:'[^']*'|\"[^\"]*\")")
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class EventLog:
    """The channels that the policy names."""

    def __init__(self, source: JournalSource, ask: Ask) -> None:
        self._channels = source.channels
        worst = PRIORITIES.index(source.priority)
        levels = [level for level, severity in _SEVERITY.items() if severity <= worst]
        # Level 0 says nothing about itself: audits, and programs that do not care. It is information.
        self._levels = " or ".join(f"Level={level}" for level in [*([0] if worst >= _INFORMATION else []), *levels])
        self._ask = ask

    def ask(self, places: Places, lines_max: int) -> Taken | str:
        """New events of every channel, the oldest first."""
        lines: list[LogLine] = []
        after, more, lost = dict(places), False, 0
        for channel in self._channels:
            newest = self._newest(channel)
            if newest is None:
                continue  # no such channel, or this user may not read it
            before = after.setdefault(channel, newest)
            if newest < before:
                before = 0  # the log was made anew
            room = min(EVENTS_MAX, lines_max - len(lines))
            if newest == before or room <= 0:
                more |= room <= 0
                continue
            query = f"*[System[EventRecordID>{before}" + (f" and ({self._levels})" if self._levels else "") + "]]"
            text = self._ask("wevtutil", "qe", channel, f"/q:{query}", "/f:RenderedXml", f"/c:{room}", codes=(0,))
            if text is None:
                return f"wevtutil does not tell the events of {channel}"
            found = list(events(text))
            lost += sum(one is None for one in found)
            lines += [line for _, line in filter(None, found) if line.text]
            ids = [number for number, _ in filter(None, found)]
            full = len(found) >= room
            # What is filtered out is not asked for again, unless the answer was cut where more may lie.
            after[channel] = max([*ids, before]) if full else max([*ids, newest])
            more |= full
        if not after:
            return "wevtutil knows none of the channels, or this user may not read them"
        return Taken(lines, after, more, lost)

    def _newest(self, channel: str) -> int | None:
        text = self._ask("wevtutil", "qe", channel, "/rd:true", "/c:1", "/f:xml", codes=(0,))
        found = re.search(r"<EventRecordID>(\d+)</EventRecordID>", text or "")
        return int(found[1]) if found else None if text is None else 0


def events(text: str) -> "list[tuple[int, LogLine] | None]":
    """The events of `wevtutil qe /f:RenderedXml`, which writes one after the other without a root; None: unreadable."""
    return [_event(part + "</Event>") for part in text.split("</Event>")[:-1]]


def _event(text: str) -> tuple[int, LogLine] | None:
    try:
        # Written by Windows, which escapes what programs said; each event alone, so that one spoils no other.
        event = ET.fromstring(_NAMESPACE.sub("", _NOT_XML.sub("", text.strip())))  # noqa: S314
        number = int(event.findtext("System/EventRecordID", ""))
        at = datetime.fromisoformat(event.find("System/TimeCreated").get("SystemTime", "")[:23] + "+00:00")  # type: ignore[union-attr]
    except (ET.ParseError, ValueError, AttributeError):
        return None
    level = int(event.findtext("System/Level", "0") or 0)
    keywords = int(event.findtext("System/Keywords", "0") or "0", 16)
    severity = 4 if keywords & _AUDIT_FAILURE else _SEVERITY.get(level, _INFORMATION)
    provider = event.find("System/Provider")
    name = provider.get("Name", "") if provider is not None else ""
    identity = event.findtext("System/EventID", "")
    said = event.findtext("RenderingInfo/Message", "").strip()
    if not said:
        data = [(one.get("Name", ""), (one.text or "").strip()) for one in event.findall("EventData/Data")]
        said = ", ".join(f"{key}={value}" if key else value for key, value in data if value)
    said = re.sub(r"\s*\r?\n\s*", "\n", said)
    text = f"{name} {identity}: {said}"
    return number, line_of(
        text, time_ms=round(at.timestamp() * 1000), severity=severity, origin=event.findtext("System/Channel", "")
    )
