"""Rollups in the database: a row a device, day and resolution, made of the day's blocks when the day is over.

A row is there only while it counts every block of its day. Who adds a block removes the row and notes the day as due,
in one transaction; the compactor makes it anew of all blocks. So nothing is counted twice, whatever came late, twice
or in any order, and a kill leaves a day that is due. Until then, and for the running day, readers roll up the samples
themselves, by the same function. Samples from before the time for which all are kept are added to the rows directly.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.store.blocks import Matrix, decode, merged
from sereno_server.store.partitions import FLOOR, floor_ms
from sereno_server.store.rollup import (
    DAY_MS,
    FIVE_MINUTES_MS,
    HOUR_MS,
    Columns,
    Rolled,
    Stretches,
    by_series,
    coarser,
    pack,
    roll,
    unpack,
)
from sereno_server.store.samples import ROWS_FROM_THREAD, columns_of
from sereno_server.store.samples import unpack as unpack_batch

TABLES = {FIVE_MINUTES_MS: "rollups_5m", HOUR_MS: "rollups_1h"}

log = logging.getLogger(__name__)

_DUE = text("""
    SELECT organisation_id, device_id, day_ms FROM rollup_due WHERE day_ms <= :complete ORDER BY day_ms LIMIT :days
""")
_STALE = text("""
    WITH day AS (SELECT unnest(cast(:days AS bigint[])) AS ms),
    five AS (
        DELETE FROM rollups_5m USING day WHERE organisation_id = :organisation AND device_id = :device AND day_ms = ms
        RETURNING day_ms
    ), hourly AS (
        DELETE FROM rollups_1h USING day WHERE organisation_id = :organisation AND device_id = :device AND day_ms = ms
        RETURNING day_ms
    )
    INSERT INTO rollup_due (organisation_id, device_id, day_ms)
    SELECT :organisation, :device, made.ms FROM (
        SELECT unnest(cast(:touched AS bigint[])) UNION SELECT day_ms FROM five UNION SELECT day_ms FROM hourly
    ) AS made (ms) ON CONFLICT DO NOTHING
""")
_BLOCKS = text("""
    SELECT hour_ms, payload FROM blocks
    WHERE organisation_id = :organisation AND device_id = :device AND hour_ms >= :day - 3600000
      AND hour_ms < :day + 86400000
    ORDER BY hour_ms, part
""")
_COUNTERS = text(
    "SELECT device_id, id FROM series WHERE organisation_id = :organisation AND device_id = ANY(:devices)"
    " AND kind = 'counter'"
)
_IS_DUE = text("""
    SELECT day_ms FROM rollup_due
    WHERE organisation_id = :organisation AND device_id = :device AND day_ms = ANY(:days)
""")
_DONE = text("DELETE FROM rollup_due WHERE organisation_id = :organisation AND device_id = :device AND day_ms = :day")
_PUT = """
    INSERT INTO {table} (organisation_id, device_id, day_ms, payload) VALUES (:organisation, :device, :day, :payload)
    ON CONFLICT (organisation_id, device_id, day_ms) DO UPDATE SET payload = excluded.payload
"""
_GET = "SELECT payload FROM {table} WHERE organisation_id = :organisation AND device_id = :device AND day_ms = :day"
# One statement, so that what the compactor moves meanwhile is seen wholly or not at all. sources: 0 a day that readers
# roll up themselves, 1 a rollup, 2 a block, 3 a batch.
_READ = """
    WITH pending AS MATERIALIZED (
        SELECT device_id, day_ms FROM (
            SELECT device_id, day_ms FROM rollup_due
            WHERE organisation_id = :organisation AND device_id = ANY(:devices) AND day_ms >= :first AND day_ms < :last
            UNION
            SELECT device_id, generate_series(
                greatest(first_ms, :first) / 86400000 * 86400000, least(last_ms, :last - 1), 86400000
            ) FROM batches
            WHERE organisation_id = :organisation AND device_id = ANY(:devices) AND last_ms >= :first
              AND first_ms < :last
        ) AS days WHERE day_ms >= coalesce((SELECT cast(value ->> 'ms' AS bigint) FROM settings WHERE key = :floor), 0)
    )
    SELECT device_id, 0 AS source, day_ms AS at_ms, 0 AS nth, cast(NULL AS bytea) AS payload FROM pending
    UNION ALL
    SELECT device_id, 1, day_ms, 0, payload FROM {table} AS kept
    WHERE organisation_id = :organisation AND device_id = ANY(:devices) AND day_ms >= :first AND day_ms < :last
      AND NOT EXISTS (
        SELECT FROM pending WHERE pending.device_id = kept.device_id AND pending.day_ms = kept.day_ms
      )
    UNION ALL
    SELECT device_id, 2, hour_ms, part, payload FROM blocks AS block
    WHERE organisation_id = :organisation AND device_id = ANY(:devices) AND hour_ms >= :first - 3600000
      AND hour_ms < :last AND EXISTS (
        SELECT FROM pending WHERE pending.device_id = block.device_id
          AND pending.day_ms IN (hour_ms / 86400000 * 86400000, (hour_ms + 3600000) / 86400000 * 86400000)
      )
    UNION ALL
    SELECT device_id, 3, last_ms, sequence, payload FROM batches
    WHERE organisation_id = :organisation AND device_id = ANY(:devices) AND last_ms >= :first - 3600000
      AND first_ms < :last
    ORDER BY device_id, source, at_ms, nth
"""


@dataclass(frozen=True)
class Range:
    """What is read: stretches of step_ms (a multiple of one of STEPS_MS), those of start_ms to before end_ms."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def whole(self) -> tuple[int, int]:
        """When the first stretch begins and the last one ends."""
        return self.start_ms // self.step_ms * self.step_ms, -(-self.end_ms // self.step_ms) * self.step_ms

    @property
    def kept_ms(self) -> int:
        """The widest stretch that is stored and divides the step."""
        return HOUR_MS if self.step_ms % HOUR_MS == 0 else FIVE_MINUTES_MS


async def due(tx: AsyncConnection, complete_ms: int, days_max: int) -> list[tuple[str, str, int]]:
    """(organisation, device, day) of days that ended before complete_ms and need their rollup, the oldest first."""
    rows = await tx.execute(_DUE, {"complete": complete_ms - DAY_MS, "days": days_max})
    return [(row.organisation_id, row.device_id, row.day_ms) for row in rows]


async def note_blocks(tx: AsyncConnection, organisation_id: str, device_id: str, hours: Iterable[int]) -> None:
    """Notes that blocks of these hours were added: their days need a new rollup.

    So does the day after a last hour, whose counters begin there.
    """
    hours = list(hours)
    touched = sorted({hour // DAY_MS * DAY_MS for hour in hours})
    if touched:
        stale = sorted({*touched, *((hour + HOUR_MS) // DAY_MS * DAY_MS for hour in hours)})
        of = {"organisation": organisation_id, "device": device_id}
        await tx.execute(_STALE, of | {"days": stale, "touched": touched})


async def old_days(tx: AsyncConnection, organisation_id: str, device_id: str, hours: Collection[int]) -> set[int]:
    """Those days of these hours that are older than what samples are kept for, and whose rollup is made."""
    floor = await floor_ms(tx)
    days = {day for hour in hours if (day := hour // DAY_MS * DAY_MS) < floor}
    if not days:
        return days
    of = {"organisation": organisation_id, "device": device_id}
    return days - set((await tx.execute(_IS_DUE, of | {"days": sorted(days)})).scalars())


async def make(tx: AsyncConnection, organisation_id: str, device_id: str, day_ms: int) -> None:
    """Makes a day's rows of all its blocks, within the caller's transaction. No other may add blocks meanwhile."""
    await floor_ms(tx)  # from here on no partition goes
    of = {"organisation": organisation_id, "device": device_id, "day": day_ms}
    counters = await _counters(tx, organisation_id, [device_id])
    payloads = [(row.hour_ms, row.payload) for row in await tx.execute(_BLOCKS, of)]
    made = await asyncio.to_thread(_rolled_day, payloads, counters.get(device_id, frozenset()), day_ms)
    for step_ms, payload in made.items():
        await tx.execute(text(_PUT.format(table=TABLES[step_ms])), of | {"payload": payload})
    await tx.execute(_DONE, of)


async def add_old(
    tx: AsyncConnection, organisation_id: str, device_id: str, day_ms: int, matrices: Sequence[Matrix]
) -> None:
    """Adds samples to the rows of a day of which no samples are kept any more."""
    of = {"organisation": organisation_id, "device": device_id, "day": day_ms}
    counters = (await _counters(tx, organisation_id, [device_id])).get(device_id, frozenset())
    columns = columns_of(matrices, None)
    for step_ms, table in TABLES.items():
        kept = (await tx.execute(text(_GET.format(table=table) + " FOR UPDATE"), of)).scalar_one_or_none()
        parts = [] if kept is None else unpack(kept)
        parts += roll(columns, counters, step_ms, day_ms, day_ms + DAY_MS)
        await tx.execute(text(_PUT.format(table=table)), of | {"payload": pack(coarser(parts, step_ms))})


async def read(
    tx: AsyncConnection, organisation_id: str, wanted: dict[str, AbstractSet[int] | None], over: Range
) -> dict[str, dict[int, Stretches]]:
    """{device id: {series id: stretches}} of devices, each of these series or (None) of all; counters as rates.

    A series without samples in the range is left out.
    """
    counters = await _counters(tx, organisation_id, list(wanted))
    bounds = {
        "organisation": organisation_id,
        "devices": list(wanted),
        "first": over.whole[0] // DAY_MS * DAY_MS,
        "last": -(-over.whole[1] // DAY_MS) * DAY_MS,
        "floor": FLOOR,
    }
    rows: dict[str, list[Any]] = {}
    for row in await tx.execute(text(_READ.format(table=TABLES[over.kept_ms])), bounds):
        rows.setdefault(row.device_id, []).append(row)
    found: dict[str, dict[int, Stretches]] = {}
    for device_id, of_device in rows.items():
        arguments = (of_device, wanted[device_id], counters.get(device_id, frozenset()), over)
        few = len(of_device) < ROWS_FROM_THREAD
        found[device_id] = _stretches(*arguments) if few else await asyncio.to_thread(_stretches, *arguments)
    return found


async def _counters(tx: AsyncConnection, organisation_id: str, devices: list[str]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for row in await tx.execute(_COUNTERS, {"organisation": organisation_id, "devices": devices}):
        found.setdefault(row.device_id, set()).add(row.id)
    return {device_id: frozenset(ids) for device_id, ids in found.items()}


def _rolled_day(payloads: list[tuple[int, bytes]], counters: AbstractSet[int], day_ms: int) -> dict[int, bytes]:
    matrices: list[Matrix] = []
    for hour_ms, payload in payloads:
        try:
            matrices += decode(payload)
        except ValueError:
            log.exception("a block of the hour %d cannot be read; its day is rolled up without it", hour_ms)
    columns: Columns = columns_of(matrices, None)
    return {step_ms: pack(roll(columns, counters, step_ms, day_ms, day_ms + DAY_MS)) for step_ms in TABLES}


def _stretches(
    rows: Sequence[Any], wanted: AbstractSet[int] | None, counters: AbstractSet[int], over: Range
) -> dict[int, Stretches]:
    ids = None if wanted is None else frozenset(wanted)
    parts: list[Rolled] = [part for row in rows if row.source == 1 for part in unpack(row.payload, ids)]
    matrices = [m for row in rows if row.source == 2 for m in decode(row.payload, ids)]  # noqa: PLR2004 (see _READ)
    matrices += [m for row in rows if row.source == 3 for m in unpack_batch(row.payload)]  # noqa: PLR2004
    columns = columns_of(merged(matrices), ids)
    for day_ms in (row.at_ms for row in rows if row.source == 0):
        parts += roll(columns, counters, over.kept_ms, day_ms, day_ms + DAY_MS)
    inside = (_within(part, over) for part in parts)
    return by_series([part for part in inside if part.times.size], over.step_ms)


def _within(part: Rolled, over: Range) -> Rolled:
    first, last = part.times.searchsorted(over.whole).tolist()
    if first == 0 and last == part.times.size:
        return part
    keep = slice(first, last)
    return Rolled(
        part.series,
        part.times[keep],
        part.counts[keep],
        part.lowest[:, keep],
        part.mean[:, keep],
        part.highest[:, keep],
    )
