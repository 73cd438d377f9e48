"""Log lines: blocks as they came, compressed, and rows of warnings and worse. Both live in partitions of a day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import zstandard
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import LOG_BLOCK_BYTES_MAX, LOG_BLOCK_DAYS, LOG_ROW_DAYS
from sereno_proto.v1.link_pb2 import LogBlock
from sereno_server.store.tables import log_blocks, log_lines

WARNING = 4  # this and worse have rows of their own
LEVEL = 6
AHEAD_DAYS = 2
KEPT_DAYS = {"log_blocks": LOG_BLOCK_DAYS, "log_lines": LOG_ROW_DAYS}
LOCK = 0x5E7E42
_BODY_BYTES_MAX = 4 * LOG_BLOCK_BYTES_MAX

_SCOPE = "(SELECT current_setting('sereno.organisation', true))"
_VISIBLE = f"organisation_id = {_SCOPE} OR {_SCOPE} = '*'"
_PARTITIONS = text("""
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = cast(:parent AS regclass)
""")


@dataclass(frozen=True)
class Said:
    """One block to be stored: who sent it under which sequence, and its lines within their bounds."""

    organisation_id: str
    device_id: str
    epoch: bytes
    sequence: int
    made_ms: int
    block: LogBlock


async def append(tx: AsyncConnection, said: Said, day: date) -> None:
    """Stores one block under the day of its arrival."""
    await ensure_day(tx, day)
    lines = said.block.lines
    of = {
        "organisation_id": said.organisation_id,
        "device_id": said.device_id,
        "day": day,
        "epoch": said.epoch,
        "sequence": said.sequence,
        "source": said.block.source,
    }
    times = [line.time_ms for line in lines] or [said.made_ms]
    await tx.execute(
        insert(log_blocks).values(
            **of,
            first_ms=min(times),
            last_ms=max(times),
            lines=len(lines),
            worst=min((line.severity for line in lines), default=7),
            withheld=said.block.withheld,
            payload=packed(said.block),
        )
    )
    rows = [
        {
            **of,
            "place": place,
            "at_ms": line.time_ms,
            "severity": line.severity,
            "origin": line.origin,
            "text": line.text,
        }
        for place, line in enumerate(lines)
        if line.severity <= WARNING
    ]
    if rows:
        await tx.execute(insert(log_lines), rows)


def packed(block: LogBlock) -> bytes:
    """The block's lines, compressed."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(block.SerializeToString())


def unpacked(payloads: Sequence[bytes]) -> list[LogBlock]:
    """The blocks again. Raises ValueError when one is damaged."""
    decompressor = zstandard.ZstdDecompressor()
    try:
        return [
            LogBlock.FromString(decompressor.decompress(payload, max_output_size=_BODY_BYTES_MAX))
            for payload in payloads
        ]
    except zstandard.ZstdError as error:
        raise ValueError("a damaged block of log lines") from error


async def ensure_day(tx: AsyncConnection, day: date) -> None:
    """Makes the partitions of a day unless they are there."""
    names = [_partition(parent, day) for parent in KEPT_DAYS]
    there = await tx.execute(text("SELECT to_regclass(:first), to_regclass(:second)"), dict(_named(names)))
    if None in tuple(there.one()):
        await _make(tx, day)


async def keep_partitions(tx: AsyncConnection) -> None:
    """Makes the partitions of the next days and drops those whose time is over."""
    today = datetime.now(UTC).date()
    for ahead in range(AHEAD_DAYS + 1):
        await ensure_day(tx, today + timedelta(days=ahead))
    for parent, days in KEPT_DAYS.items():
        oldest = _partition(parent, today - timedelta(days=days))
        for (name,) in (await tx.execute(_PARTITIONS, {"parent": parent})).all():
            if name < oldest:
                await tx.execute(text(f"DROP TABLE {name}"))


async def _make(tx: AsyncConnection, day: date) -> None:
    await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    for parent in KEPT_DAYS:
        name = _partition(parent, day)
        bounds = f"FROM ('{day}') TO ('{day + timedelta(days=1)}')"
        if (await tx.execute(text("SELECT to_regclass(:name)"), {"name": name})).scalar_one() is not None:
            continue
        for statement in (
            f"CREATE TABLE {name} PARTITION OF {parent} FOR VALUES {bounds}",
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY organisation ON {name} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE})",
        ):
            await tx.execute(text(statement))


def _partition(parent: str, day: date) -> str:
    return f"{parent}_{day:%Y%m%d}"


def _named(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    return zip(("first", "second"), names, strict=True)
