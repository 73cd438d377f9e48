"""Every kind of telemetry lives in partitions of a day or a month, which are made ahead and dropped whole.

Samples and rollups are divided by their own time; what no partition is there for (a clock that is wrong, history sent
late) goes into a default one and is deleted from it when its time is over. Logs are divided by the day they came.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import FIVE_MINUTES_DAYS, HOURS_DAYS, LOG_BLOCK_DAYS, LOG_ROW_DAYS, SAMPLE_DAYS

DAY_MS = 86_400_000
AHEAD_DAYS = 2
LOCK = 0x5E7E42
FLOOR_LOCK = 0x5E7E43
FLOOR = "samples_floor"  # the setting that says from when on every sample is there, {"ms": ...}
WAIT_DAYS = 7  # how long samples outlive their time at most, until their rollup is made

_SCOPE = "(SELECT current_setting('sereno.organisation', true))"
_VISIBLE = f"organisation_id = {_SCOPE} OR {_SCOPE} = '*'"


@dataclass(frozen=True)
class Kept:
    """A partitioned table and how long its rows are kept.

    column: what divides it, a date, or milliseconds when it ends with _ms; only these have a default partition.
    """

    table: str
    column: str
    days: int
    monthly: bool = False

    @property
    def default(self) -> str | None:
        return f"{self.table}_default" if self.column.endswith("_ms") else None

    def partition(self, day: date) -> str:
        return f"{self.table}_{day:%Y%m}" if self.monthly else f"{self.table}_{day:%Y%m%d}"

    def bounds(self, day: date) -> tuple[date, date]:
        """The first day of the partition that this day is in, and of the next."""
        if not self.monthly:
            return day, day + timedelta(days=1)
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)


LOG_BLOCKS = Kept("log_blocks", "day", LOG_BLOCK_DAYS)
LOG_LINES = Kept("log_lines", "day", LOG_ROW_DAYS)
BLOCKS = Kept("blocks", "hour_ms", SAMPLE_DAYS)
ROLLUPS_5M = Kept("rollups_5m", "day_ms", FIVE_MINUTES_DAYS, monthly=True)
ROLLUPS_1H = Kept("rollups_1h", "day_ms", HOURS_DAYS, monthly=True)
KEPT = (BLOCKS, ROLLUPS_5M, ROLLUPS_1H, LOG_BLOCKS, LOG_LINES)
_MADE = text("""
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = cast(:parent AS regclass)
""")


async def keep(tx: AsyncConnection) -> None:
    """Makes the partitions of the next days and drops what is too old. Rows of a system scope are seen."""
    await keep_as_of(tx, datetime.now(UTC).date())


async def keep_as_of(tx: AsyncConnection, today: date) -> None:
    """As `keep`, with the day given."""
    # First, because who compacts holds it shared while it waits for the tables that are locked below.
    await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FLOOR_LOCK})
    for ahead in range(AHEAD_DAYS + 1):
        await ensure(tx, KEPT, today + timedelta(days=ahead))
    for kept in KEPT:
        oldest = today - timedelta(days=kept.days)
        if kept is BLOCKS:
            oldest = await _raise_floor(tx, oldest)
        for (name,) in (await tx.execute(_MADE, {"parent": kept.table})).all():
            if name != kept.default and name < kept.partition(oldest):
                await tx.execute(text(f"DROP TABLE {name}"))
        if kept.default:
            await tx.execute(
                text(f"DELETE FROM {kept.default} WHERE {kept.column} < :oldest"),  # noqa: S608 (names of our own)
                {"oldest": _ms(oldest)},
            )


async def ensure(tx: AsyncConnection, every: tuple[Kept, ...], day: date) -> None:
    """Makes the partitions of a day unless they are there, or their rows lie in a default partition already."""
    for kept in every:
        if not await _is_made(tx, kept.partition(day)):
            await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            if not await _is_made(tx, kept.partition(day)):
                await _make(tx, kept, day)


async def floor_ms(tx: AsyncConnection) -> int:
    """From when on every sample is kept as it came; it does not change before this transaction ends."""
    await tx.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": FLOOR_LOCK})
    found = await tx.execute(text("SELECT value ->> 'ms' FROM settings WHERE key = :key"), {"key": FLOOR})
    return int(found.scalar_one_or_none() or 0)


async def _raise_floor(tx: AsyncConnection, wanted: date) -> date:
    """Days whose rollup is still to be made wait for it, within reason. Gives the day before which all may go."""
    due = (await tx.execute(text("SELECT min(day_ms) FROM rollup_due"))).scalar_one()
    floor = _ms(wanted)
    if due is not None:
        floor = min(floor, max(int(due), floor - WAIT_DAYS * DAY_MS))
    await tx.execute(
        text("""
            INSERT INTO settings (key, value) VALUES (:key, jsonb_build_object('ms', cast(:ms AS bigint)))
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
            WHERE cast(settings.value ->> 'ms' AS bigint) < :ms
        """),
        {"key": FLOOR, "ms": floor},
    )
    return datetime.fromtimestamp(floor / 1000, UTC).date()


async def _is_made(tx: AsyncConnection, name: str) -> bool:
    return (await tx.execute(text("SELECT to_regclass(:name)"), {"name": name})).scalar_one() is not None


async def _make(tx: AsyncConnection, kept: Kept, day: date) -> None:
    name = kept.partition(day)
    first, end = kept.bounds(day)
    bounds = f"FROM ('{first}') TO ('{end}')"
    if kept.default:
        bounds = f"FROM ({_ms(first)}) TO ({_ms(end)})"
        there = await tx.execute(
            text(f"SELECT 1 FROM {kept.default} WHERE {kept.column} >= :first AND {kept.column} < :end LIMIT 1"),  # noqa: S608 (names of our own)
            {"first": _ms(first), "end": _ms(end)},
        )
        if there.first() is not None:
            return
    for statement in (
        f"CREATE TABLE {name} PARTITION OF {kept.table} FOR VALUES {bounds}",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY organisation ON {name} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE})",
    ):
        await tx.execute(text(statement))


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
