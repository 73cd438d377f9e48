"""What a device said: its lines, searched by words, level and time, the newest first."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_proto.limits import LOG_ROW_DAYS, PAGE_ROWS
from sereno_proto.v1.link_pb2 import LogBlock
from sereno_server.store.logs import WARNING, unpacked
from sereno_server.store.tables import devices, log_blocks, log_lines

LOWEST = 7
DAY_MS = 86_400_000
BLOCKS_AT_ONCE = 64
BLOCKS_READ_MAX = 2048  # of one question; then the answer says how far back it has looked
_NEWEST = 1 << 62

Key = tuple[int, int, int]  # milliseconds, sequence of the block, place in it: a line's own, and the order of lines


@dataclass(frozen=True)
class LogRow:
    """One line as a device sent it."""

    at: datetime  # by the device's clock
    severity: int  # syslog: 0 emergency .. 7 debug
    source: str  # the policy's name for it
    origin: str  # a file's name, a unit, a program
    text: str
    key: Key


@dataclass(frozen=True)
class LogPage:
    """Lines, and where to go on; `before` without lines means that nothing matched so far back."""

    lines: tuple[LogRow, ...]
    before: Key | None


@dataclass(frozen=True)
class Wanted:
    """What is asked for. text: found anywhere in a line, whatever its case."""

    text: str = ""
    severity: int = LOWEST  # this and worse
    source: str = ""
    start_ms: int = 0
    end_ms: int = _NEWEST
    before: Key | None = None

    def wants(self, row: LogRow) -> bool:
        """Whether a line of a block belongs to the answer."""
        return (
            row.severity <= self.severity
            and self.start_ms <= row.key[0] <= self.end_ms
            and (self.before is None or row.key < self.before)
            and self.text.casefold() in row.text.casefold()
        )


@dataclass(frozen=True)
class Speaker:
    """Whose lines."""

    organisation_id: str
    device_id: str


async def speaker(tx: AsyncConnection, id_or_name: str) -> Speaker:
    """The device by id or name; raises E_NOT_FOUND."""
    query = select(devices.c.organisation_id, devices.c.id).where(
        or_(devices.c.id == id_or_name, devices.c.name == id_or_name), devices.c.revoked_at.is_(None)
    )
    found = (await tx.execute(query)).first()
    if found is None:
        raise BadInput("E_NOT_FOUND", f"no device {id_or_name}")
    return Speaker(found.organisation_id, found.id)


async def lines_of(tx: AsyncConnection, who: Speaker, wanted: Wanted, now: datetime, limit: int = PAGE_ROWS) -> LogPage:
    """Lines of one device, the newest first."""
    rows_from_ms = int(now.timestamp() * 1000) - (LOG_ROW_DAYS - 1) * DAY_MS
    if wanted.severity <= WARNING and wanted.start_ms >= rows_from_ms:
        return await _from_rows(tx, who, wanted, limit)
    return await _from_blocks(tx, who, wanted, limit)


async def sources_of(tx: AsyncConnection, who: Speaker) -> tuple[str, ...]:
    """The names of a device's sources that have said something lately."""
    query = select(log_blocks.c.source).distinct().where(*_of(log_blocks, who))
    return tuple(sorted((await tx.execute(query)).scalars()))


@dataclass(frozen=True)
class Counts:
    """What a device did not send of what was said, and in how many of the lines it sent a secret was taken out."""

    withheld: int
    redacted: int


async def counts_of(tx: AsyncConnection, who: Speaker, start_ms: int, source: str = "") -> Counts:
    """Since a moment, of one source or of all."""
    query = select(
        func.coalesce(func.sum(log_blocks.c.withheld), 0).label("withheld"),
        func.coalesce(func.sum(log_blocks.c.redacted), 0).label("redacted"),
    ).where(*_of(log_blocks, who), log_blocks.c.last_ms >= start_ms)
    if source:
        query = query.where(log_blocks.c.source == source)
    found = (await tx.execute(query)).one()
    return Counts(int(found.withheld), int(found.redacted))


async def _from_rows(tx: AsyncConnection, who: Speaker, wanted: Wanted, limit: int) -> LogPage:
    place = tuple_(log_lines.c.at_ms, log_lines.c.sequence, log_lines.c.place)
    query = (
        select(log_lines)
        .where(
            *_of(log_lines, who),
            log_lines.c.at_ms.between(wanted.start_ms, wanted.end_ms),
            log_lines.c.severity <= wanted.severity,
        )
        .order_by(log_lines.c.at_ms.desc(), log_lines.c.sequence.desc(), log_lines.c.place.desc())
        .limit(limit + 1)
    )
    if wanted.source:
        query = query.where(log_lines.c.source == wanted.source)
    if wanted.text:
        query = query.where(log_lines.c.text.icontains(wanted.text, autoescape=True))
    if wanted.before is not None:
        query = query.where(place < wanted.before)
    rows = [
        LogRow(_at(m.at_ms), m.severity, m.source, m.origin, m.text, (m.at_ms, m.sequence, m.place))
        for m in await tx.execute(query)
    ]
    return LogPage(tuple(rows[:limit]), rows[limit - 1].key if len(rows) > limit else None)


async def _from_blocks(tx: AsyncConnection, who: Speaker, wanted: Wanted, limit: int) -> LogPage:
    """Blocks from the newest on, until no older one can hold a line of this page."""
    end_ms = wanted.end_ms if wanted.before is None else min(wanted.end_ms, wanted.before[0])
    found: list[LogRow] = []
    read = 0
    last: tuple[int, int] | None = None
    while True:
        query = _blocks(who, wanted, end_ms)
        if last is not None:
            query = query.where(tuple_(log_blocks.c.last_ms, log_blocks.c.sequence) < last)
        blocks = (await tx.execute(query.limit(BLOCKS_AT_ONCE))).mappings().all()
        found = await asyncio.to_thread(_merged, found, blocks, wanted, limit)
        read += len(blocks)
        if len(blocks) < BLOCKS_AT_ONCE:
            break
        last = (blocks[-1]["last_ms"], blocks[-1]["sequence"])
        if len(found) > limit and found[limit].key[0] > last[0]:
            break
        if read >= BLOCKS_READ_MAX:
            # Every line later than this was seen; what is earlier belongs to the next page.
            seen = tuple(row for row in found if row.key[0] > last[0])[:limit]
            return LogPage(seen, seen[-1].key if len(seen) == limit else (last[0] + 1, 0, 0))
    return LogPage(tuple(found[:limit]), found[limit - 1].key if len(found) > limit else None)


def _blocks(who: Speaker, wanted: Wanted, end_ms: int) -> "Select[Any]":
    columns = (log_blocks.c.last_ms, log_blocks.c.sequence, log_blocks.c.payload)
    query = select(*columns).where(
        *_of(log_blocks, who),
        log_blocks.c.last_ms >= wanted.start_ms,
        log_blocks.c.first_ms <= end_ms,
        log_blocks.c.worst <= wanted.severity,
        log_blocks.c.lines > 0,
    )
    if wanted.source:
        query = query.where(log_blocks.c.source == wanted.source)
    return query.order_by(log_blocks.c.last_ms.desc(), log_blocks.c.sequence.desc())


def _of(table: Table, who: Speaker) -> "tuple[ColumnElement[bool], ...]":
    # Named beside row-level security, so that the index is used.
    return table.c.organisation_id == who.organisation_id, table.c.device_id == who.device_id


def _merged(found: list[LogRow], blocks: Sequence[Any], wanted: Wanted, limit: int) -> list[LogRow]:
    payloads = [block["payload"] for block in blocks]
    rows = list(found)
    for block, said in zip(blocks, unpacked(payloads), strict=True):
        rows += [row for row in _rows(said, block["sequence"]) if wanted.wants(row)]
    return sorted(rows, key=lambda row: row.key, reverse=True)[: limit + 1]


def _rows(block: LogBlock, sequence: int) -> list[LogRow]:
    return [
        LogRow(_at(line.time_ms), line.severity, block.source, line.origin, line.text, (line.time_ms, sequence, place))
        for place, line in enumerate(block.lines)
    ]


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


_KEY = re.compile(r"(\d{1,15})-(\d{1,19})-(\d{1,9})")


def write_key(key: Key) -> str:
    """A line's key as text for an address."""
    return "-".join(map(str, key))


def read_key(text: str) -> Key | None:
    """The key again; None when it is not one."""
    found = _KEY.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
