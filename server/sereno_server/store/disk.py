"""What the database takes on disk, by kind, and how long each is kept."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.store.partitions import BLOCKS, LOG_BLOCKS, LOG_LINES, ROLLUPS_1H, ROLLUPS_5M, Kept

_NAMES = {
    "samples": BLOCKS,
    "5-minute rollups": ROLLUPS_5M,
    "hourly rollups": ROLLUPS_1H,
    "log lines": LOG_BLOCKS,
    "warnings, searched fast": LOG_LINES,
}
_ALONE = {"samples just received": "batches", "changes": "changes", "inventory": "facts", "ledger": "ledger"}
_PARTS = text("""
    SELECT relid::regclass::text AS name, pg_total_relation_size(relid) AS bytes
    FROM pg_partition_tree(cast(:parent AS regclass)) WHERE isleaf
""")


@dataclass(frozen=True)
class Use:
    """One kind of data. since: the first day that has a partition; None where nothing is divided by day.

    kept_days: None where it is kept for ever. day_bytes: what yesterday took; None where that is not known.
    """

    kind: str
    bytes: int
    kept_days: int | None = None
    since: date | None = None
    day_bytes: int | None = None


async def use(tx: AsyncConnection) -> list[Use]:
    """Every kind, the largest first, and at the end the whole database. Sizes are with indexes and what is dead."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    found = [await _divided(tx, kind, kept, yesterday) for kind, kept in _NAMES.items()]
    for kind, table in _ALONE.items():
        size = await tx.execute(text("SELECT pg_total_relation_size(cast(:name AS regclass))"), {"name": table})
        found.append(Use(kind, size.scalar_one()))
    whole = int((await tx.execute(text("SELECT pg_database_size(current_database())"))).scalar_one())
    rest = whole - sum(one.bytes for one in found)
    return [
        *sorted(found, key=lambda one: -one.bytes),
        Use("everything else", max(rest, 0)),
        Use("the whole database", whole),
    ]


async def _divided(tx: AsyncConnection, kind: str, kept: Kept, yesterday: date) -> Use:
    sizes = {row.name: int(row.bytes) for row in await tx.execute(_PARTS, {"parent": kept.table})}
    stamps = sorted(name.removeprefix(f"{kept.table}_") for name in sizes if name != kept.default)
    since = datetime.strptime(stamps[0], "%Y%m" if kept.monthly else "%Y%m%d").replace(tzinfo=UTC) if stamps else None
    day_bytes = None if kept.monthly else sizes.get(kept.partition(yesterday))
    return Use(kind, sum(sizes.values()), kept.days, since.date() if since else None, day_bytes)
