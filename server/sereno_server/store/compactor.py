"""Makes device-hour blocks of batches: device by device, spread over time, each in one transaction.

A transaction inserts the blocks and removes the batches together, so that a kill at any moment loses and doubles
nothing. What arrives after its hour was made becomes a further part of that hour. When a day is over, its blocks are
rolled up (see rollups), device by device, in transactions of their own.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.store import rollups
from sereno_server.store.blocks import Matrix, encode, merged
from sereno_server.store.engine import Scope, Store
from sereno_server.store.rollup import DAY_MS, HOUR_MS
from sereno_server.store.samples import pack, unpack

if TYPE_CHECKING:
    from sereno_server.app import App

LATE_MS = 120_000  # how long after its end an hour is left open for what is still under way
STRAY_MS = 2 * HOUR_MS  # what was received so long ago goes into blocks whatever its clock says
ROUND_S = 60.0
DEVICES_PER_ROUND_MAX = 500
BATCHES_PER_DEVICE_MAX = 4096
ROLLUPS_PER_ROUND_MAX = 100  # some 20 ms each: 10,000 devices take two hours of the night, and a few % of a core
LOCK = 0x5E7E41

log = logging.getLogger(__name__)

_DUE = text("""
    SELECT organisation_id, device_id FROM batches
    WHERE first_ms < :hour OR received_at < to_timestamp(:stray / 1000.0)
    GROUP BY organisation_id, device_id ORDER BY min(received_at) LIMIT :devices
""")
_TAKE = text("""
    SELECT epoch, sequence, last_ms, payload, received_at < to_timestamp(:stray / 1000.0) AS stray FROM batches
    WHERE organisation_id = :organisation AND device_id = :device
      AND (first_ms < :hour OR received_at < to_timestamp(:stray / 1000.0))
    ORDER BY last_ms, sequence LIMIT :batches FOR UPDATE
""")
_DROP = text("""
    DELETE FROM batches USING unnest(cast(:epochs AS bytea[]), cast(:sequences AS bigint[])) AS taken (epoch, sequence)
    WHERE organisation_id = :organisation AND device_id = :device
      AND batches.epoch = taken.epoch AND batches.sequence = taken.sequence
""")
_KEEP = text("""
    UPDATE batches SET first_ms = :first, payload = :payload
    WHERE organisation_id = :organisation AND device_id = :device AND epoch = :epoch AND sequence = :sequence
""")
_BLOCK = text("""
    INSERT INTO blocks (organisation_id, device_id, hour_ms, part, samples, payload)
    SELECT :organisation, :device, :hour, coalesce(max(part) + 1, 0), :samples, :payload FROM blocks
    WHERE organisation_id = :organisation AND device_id = :device AND hour_ms = :hour
""")


def open_hour(now_ms: int) -> int:
    """The first millisecond that is not compacted yet."""
    return (now_ms - LATE_MS) // HOUR_MS * HOUR_MS


async def due(tx: AsyncConnection, now_ms: int) -> list[tuple[str, str]]:
    """(organisation, device) of those with batches of a finished hour, the longest waiting first."""
    bounds = {"hour": open_hour(now_ms), "stray": now_ms - STRAY_MS, "devices": DEVICES_PER_ROUND_MAX}
    return [(row.organisation_id, row.device_id) for row in await tx.execute(_DUE, bounds)]


async def compact(tx: AsyncConnection, organisation_id: str, device_id: str, now_ms: int) -> int:
    """Turns a device's batches of finished hours into blocks, within the caller's transaction; gives their number.

    A batch that reaches into the running hour keeps what belongs there.
    """
    of = {"organisation": organisation_id, "device": device_id}
    hour = open_hour(now_ms)
    limits = {"hour": hour, "stray": now_ms - STRAY_MS, "batches": BATCHES_PER_DEVICE_MAX}
    rows = (await tx.execute(_TAKE, of | limits)).all()
    hours: dict[int, list[Matrix]] = {}
    done = []
    for row in rows:
        kept: list[Matrix] = []
        for matrix in unpack(row.payload):
            kept += _split(matrix, None if row.stray else hour, hours)
        if kept:
            first = min(int(matrix.times.min()) for matrix in kept)
            key = {"epoch": row.epoch, "sequence": row.sequence}
            await tx.execute(_KEEP, of | key | {"first": first, "payload": pack(kept)})
        else:
            done.append(row)
    old = await rollups.old_days(tx, organisation_id, device_id, hours)
    for day in sorted(old):
        await rollups.add_old(tx, organisation_id, device_id, day, _taken(hours, day))
    for start, matrices in sorted(hours.items()):
        ordered = merged(matrices)
        samples = sum(matrix.values.size for matrix in ordered)
        payload = await asyncio.to_thread(encode, ordered)
        await tx.execute(_BLOCK, of | {"hour": start, "samples": samples, "payload": payload})
    await rollups.note_blocks(tx, organisation_id, device_id, hours)
    await tx.execute(_DROP, of | {"epochs": [row.epoch for row in done], "sequences": [row.sequence for row in done]})
    return len(hours)


def _split(matrix: Matrix, end: int | None, hours: dict[int, list[Matrix]]) -> list[Matrix]:
    """Sorts a matrix's rows into hours before end (None: all); gives what is left."""
    starts = matrix.times // HOUR_MS * HOUR_MS
    kept: list[Matrix] = []
    for start in np.unique(starts).tolist():
        rows = starts == start
        part = Matrix(matrix.series, matrix.times[rows], matrix.values[rows])
        (kept if end is not None and start >= end else hours.setdefault(start, [])).append(part)
    return kept


def _taken(hours: dict[int, list[Matrix]], day: int) -> list[Matrix]:
    """What lies in a day, which is taken out of the hours."""
    starts = sorted(start for start in hours if start // DAY_MS * DAY_MS == day)
    return [matrix for start in starts for matrix in merged(hours.pop(start))]


async def run(app: "App") -> None:
    """Compacts until cancelled, a bounded number of devices a round, spread evenly over it."""
    while True:
        started = time.monotonic()
        try:
            await _round(app.store)
        except (DBAPIError, OSError) as error:
            log.warning("compactor: %s", str(error).splitlines()[0])
        await asyncio.sleep(max(1.0, ROUND_S - (time.monotonic() - started)))


async def _round(store: Store) -> None:
    now_ms = time.time_ns() // 1_000_000
    async with store.transaction(Scope.system()) as tx:
        devices = await due(tx, now_ms)
    for organisation_id, device_id in devices:
        async with store.transaction(Scope(organisation_id)) as tx:
            if await _mine(tx, device_id):
                await compact(tx, organisation_id, device_id, now_ms)
        await asyncio.sleep(ROUND_S / DEVICES_PER_ROUND_MAX)
    await roll_up(store, now_ms)


async def roll_up(store: Store, now_ms: int) -> None:
    """Makes the rollups of days that are over, a bounded number."""
    async with store.transaction(Scope.system()) as tx:
        days = await rollups.due(tx, open_hour(now_ms), ROLLUPS_PER_ROUND_MAX)
    for organisation_id, device_id, day_ms in days:
        async with store.transaction(Scope(organisation_id)) as tx:
            if await _mine(tx, device_id):
                await rollups.make(tx, organisation_id, device_id, day_ms)
        await asyncio.sleep(0)


async def _mine(tx: AsyncConnection, device_id: str) -> bool:
    """Whether no other node compacts this device right now."""
    taken = await tx.execute(
        text("SELECT pg_try_advisory_xact_lock(:key, hashtext(:device))"), {"key": LOCK, "device": device_id}
    )
    return bool(taken.scalar_one())
