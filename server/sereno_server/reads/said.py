"""What a device said at a glance: its warnings and worse of a day as templates, with what is new and what bursts."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.templates import Miner
from sereno_server.reads.logs import Speaker
from sereno_server.store.tables import log_lines

HOURS = 24
LINES_MAX = 2000
TEMPLATES_SHOWN = 6
BURST_LINES_MIN = 10
BURST_TIMES = 5  # as many as in an ordinary hour
_HOUR_MS = 3_600_000
_WORDS_LEARNED_MAX = 40  # of a line: templates tell lines apart by their beginning

_CLOSING = re.compile(r" ([,;:)\]}])")
_OPENING = re.compile(r"([(\[{]) ")

State = Literal["burst", "new", "usual"]
_ORDER: tuple[State, ...] = ("burst", "new", "usual")


@dataclass(frozen=True)
class Said:
    """One template. hours: how many lines in each of the last 24 hours, the present one last."""

    template: str
    source: str
    severity: int  # the worst of its lines
    lines: int
    first: datetime
    last: datetime
    hours: tuple[int, ...]
    state: State


@dataclass
class _Group:
    source: str
    severity: int = 7
    hours: Counter[int] = field(default_factory=Counter)
    first_ms: int = 0
    last_ms: int = 0


async def said_lately(tx: AsyncConnection, who: Speaker, now: datetime) -> tuple[Said, ...]:
    """The templates of the last day, bursts and new ones first, then the most frequent."""
    since_ms = int((now - timedelta(hours=HOURS)).timestamp() * 1000)
    columns = (log_lines.c.at_ms, log_lines.c.severity, log_lines.c.source, log_lines.c.text)
    query = (
        select(*columns)
        .where(
            log_lines.c.organisation_id == who.organisation_id,
            log_lines.c.device_id == who.device_id,
            log_lines.c.at_ms > since_ms,
        )
        .order_by(log_lines.c.at_ms.desc())
        .limit(LINES_MAX)
    )
    lines = [tuple(line) for line in await tx.execute(query)]
    return await asyncio.to_thread(_summed, lines, int(now.timestamp() * 1000))


def learned_templates(lines: Sequence[tuple[int, int, str, str]]) -> list[str]:
    """The template of each line: time, severity, source, text."""
    miners, learned = _learned(lines)
    texts = {
        (source, number): _tidy(miners[source].text(miners[source].canonical(number)))
        for (_, _, source, _), number in zip(lines, learned, strict=True)
    }
    return [texts[source, number] for (_, _, source, _), number in zip(lines, learned, strict=True)]


def _learned(lines: Sequence[tuple[int, int, str, str]]) -> tuple[dict[str, Miner], list[int]]:
    """A miner a source, and the number of each line's template."""
    miners: dict[str, Miner] = {}
    learned = []
    for _, _, source, text in lines:
        words = text.split("\n", 1)[0].split()[:_WORDS_LEARNED_MAX]
        learned.append(miners.setdefault(source, Miner()).learn(" ".join(words)))
    return miners, learned


def _summed(lines: "list[tuple[int, int, str, str]]", now_ms: int) -> tuple[Said, ...]:
    miners, learned = _learned(lines)
    groups: dict[tuple[str, int], _Group] = {}
    for (at_ms, severity, source, _), number in zip(lines, learned, strict=True):
        key = (source, miners[source].canonical(number))
        group = groups.setdefault(key, _Group(source, last_ms=at_ms))
        group.severity = min(group.severity, severity)
        group.hours[max(0, (now_ms - at_ms) // _HOUR_MS)] += 1
        group.first_ms = at_ms
    made = [_said(miners[source].text(number), group) for (source, number), group in groups.items()]
    return tuple(sorted(made, key=lambda said: (_ORDER.index(said.state), -said.lines))[:TEMPLATES_SHOWN])


def _said(template: str, group: _Group) -> Said:
    hours = tuple(group.hours[ago] for ago in reversed(range(HOURS)))
    return Said(
        template=_tidy(template),
        source=group.source,
        severity=group.severity,
        lines=sum(hours),
        first=datetime.fromtimestamp(group.first_ms / 1000, UTC),
        last=datetime.fromtimestamp(group.last_ms / 1000, UTC),
        hours=hours,
        state=state_of(hours),
    )


def _tidy(template: str) -> str:
    """The template's words as people write them: no space before a comma, none around `=`."""
    return _OPENING.sub(r"\1", _CLOSING.sub(r"\1", template)).replace(" = ", "=")


def state_of(hours: tuple[int, ...]) -> State:
    """What the last of these hours is beside those before it."""
    *before, present = hours
    if not any(before):
        return "new"
    ordinary = sum(before) / len(before)
    return "burst" if present >= max(BURST_LINES_MIN, BURST_TIMES * ordinary) else "usual"
