"""What samples cost: bytes a sample, time to append, compact and read, on the private PostgreSQL with durable commits.

60 series of a device every 15 s, shaped like a real machine's: counters, byte gauges that move in pages, ratios with
four digits, constants. Options: `--days N` (default 2) of history.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select, text

from sereno_server.store import compactor, migrations, rollups, samples
from sereno_server.store.blocks import Float64, Int64, Matrix, decode, encode
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Scope, Store
from sereno_server.store.rollup import DAY_MS, FIVE_MINUTES_MS, HOUR_MS
from sereno_server.store.tables import blocks, devices, organisations, rollups_1h, rollups_5m

STEP_MS = 15_000
STEPS_PER_BATCH = 4
SERIES = 60
ORG, DEV = "org_bench", "dev_bench"


def run(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """One figure a line."""
    parser = argparse.ArgumentParser(prog="tests.bench store")
    parser.add_argument("--days", type=float, default=2.0)
    days = parser.parse_args(arguments).days
    yield from _codec()
    folder = Path(tempfile.mkdtemp(prefix="sereno-bench-"))
    folder.chmod(0o711)
    server = EmbeddedPostgreSQL(folder)
    try:
        url = server.start()
        migrations.upgrade(url)
        figures: list[dict[str, Any]] = []

        async def collect() -> None:
            figures.extend([figure async for figure in _database(url, days)])

        asyncio.run(collect())
        yield from figures
    finally:
        server.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def machine(start_ms: int, steps: int, seed: int = 1) -> Matrix:
    """The samples of a device: a third counters, a third byte gauges, the rest ratios and constants."""
    chance = np.random.default_rng(seed)
    times: Int64 = start_ms + STEP_MS * np.arange(steps, dtype=np.int64)
    counters = np.cumsum(chance.poisson(chance.uniform(10, 1e5, 20), (steps, 20)), axis=0)
    pages = np.cumsum(chance.integers(-64, 65, (steps, 20)) * (chance.random((steps, 20)) < 0.3), axis=0)
    ratios = np.round(chance.beta(2, 8, (steps, 10)), 4)
    constants = np.broadcast_to(chance.integers(1, 2**36, 10), (steps, 10))
    columns: Float64 = np.concatenate([counters, pages * 4096.0 + 2**33, ratios, constants], axis=1)
    return Matrix(tuple(range(1, SERIES + 1)), times, columns)


def _codec() -> Iterator[dict[str, Any]]:
    hour = machine(1_700_000_000_000, HOUR_MS // STEP_MS)
    started = time.process_time()
    for _ in range(20):
        block = encode([hour])
    encoded = (time.process_time() - started) / 20
    started = time.process_time()
    for _ in range(50):
        decode(block)
    decoded = (time.process_time() - started) / 50
    yield _figure("block", "bytes_per_sample", len(block) / hour.values.size, goal=0.9)
    yield _figure("block encode", "samples_per_core_s", hour.values.size / encoded)
    yield _figure("block decode", "ms", decoded * 1000)


async def _database(url: str, days: float) -> AsyncIterator[dict[str, Any]]:
    store = Store(url)
    async with store.transaction(Scope.system()) as tx:
        row = {"organisation_id": ORG, "name": "bench", "root_text": b"", "root_signatures": []}
        await tx.execute(insert(organisations).values(**row))
        device = {"organisation_id": ORG, "id": DEV, "name": "bench", "identity_key": b""}
        await tx.execute(insert(devices).values(**device, platform="linux", agent_version="0"))
    hours = int(days * 24)
    end = (time.time_ns() // 1_000_000) // HOUR_MS * HOUR_MS
    whole = machine(end - hours * HOUR_MS, hours * HOUR_MS // STEP_MS)
    rows = []
    for sequence, first in enumerate(range(0, len(whole.times), STEPS_PER_BATCH), 1):
        part = slice(first, first + STEPS_PER_BATCH)
        cut = Matrix(whole.series, whole.times[part], whole.values[part])
        row_ = samples.batch(ORG, DEV, b"e" * 16, sequence, [cut])
        assert row_
        rows.append(row_)
    started = time.perf_counter()
    for first in range(0, len(rows), 64):
        async with store.transaction(Scope(ORG)) as tx:
            await samples.append(tx, rows[first : first + 64])
    yield _figure("append, 64 batches a commit", "batches_per_s", len(rows) / (time.perf_counter() - started))
    async for figure in _reads(store, end, hours, "batches"):
        yield figure
    started = time.perf_counter()
    async with store.transaction(Scope(ORG)) as tx:
        await tx.execute(text("UPDATE batches SET received_at = now() - interval '1 day'"))
        while await compactor.due(tx, end + HOUR_MS):
            await compactor.compact(tx, ORG, DEV, end + HOUR_MS)
    yield _figure("compact", "samples_per_s", whole.values.size / (time.perf_counter() - started))
    async with store.transaction(Scope(ORG)) as tx:
        size = await tx.scalar(select(func.sum(func.length(blocks.c.payload))))
        count = await tx.scalar(select(func.sum(blocks.c.samples)))
    assert size
    assert count == whole.values.size
    yield _figure("stored", "bytes_per_sample", size / count, goal=0.9)
    async for figure in _reads(store, end, hours, "blocks"):
        yield figure
    async for figure in _rollups(store, end, hours, count):
        yield figure
    await store.close()


async def _rollups(store: Store, end: int, hours: int, samples_count: int) -> AsyncIterator[dict[str, Any]]:
    started = time.perf_counter()
    await compactor.roll_up(store, end + HOUR_MS)
    taken = time.perf_counter() - started
    rolled = 0
    for table, step in ((rollups_5m, "5 min"), (rollups_1h, "1 h")):
        async with store.transaction(Scope(ORG)) as tx:
            size = await tx.scalar(select(func.sum(func.length(table.c.payload))))
            rolled = await tx.scalar(select(func.count()).select_from(table)) or 0
        share = rolled * DAY_MS / (hours * HOUR_MS)
        yield _figure(f"rollups of {step}", "bytes_per_sample", (size or 0) / (samples_count * share or 1))
    yield _figure("roll up a device's day", "ms", taken * 1000 / max(rolled, 1))
    for span, step_ms, goal in ((24, FIVE_MINUTES_MS, 15.0), (720, HOUR_MS, 100.0)):
        if span > hours:
            continue
        for wanted, name in ((None, "all series"), ({7}, "one series")):
            over = rollups.Range(end - span * HOUR_MS, end, step_ms)
            taken_s = []
            for _ in range(10):
                started = time.perf_counter()
                async with store.transaction(Scope(ORG)) as tx:
                    found = await rollups.read(tx, ORG, {DEV: wanted}, over)
                taken_s.append(time.perf_counter() - started)
                assert found[DEV][7].times.size == span * HOUR_MS // step_ms
            what = f"read {span} h in stretches of {step_ms // 60_000} min, {name}"
            yield _figure(what, "ms", sorted(taken_s)[5] * 1000, goal=goal)


async def _reads(store: Store, end: int, hours: int, source: str) -> AsyncIterator[dict[str, Any]]:
    for span, goal in ((1, 5.0), (24, 15.0), (720, 100.0)):
        if span > hours:
            continue
        taken = []
        for _ in range(10):
            started = time.perf_counter()
            async with store.transaction(Scope(ORG)) as tx:
                found = await samples.read(tx, ORG, DEV, None, end - span * HOUR_MS, end)
            taken.append(time.perf_counter() - started)
            assert len(found) == SERIES
        yield _figure(f"read {span} h of {source}, all series", "ms", sorted(taken)[5] * 1000, goal=goal)


def _figure(what: str, unit: str, value: float, goal: float | None = None) -> dict[str, Any]:
    load = round(os.getloadavg()[0], 1)
    figure = {"bench": "store", "what": what, unit: round(value, 3), "cores": os.cpu_count(), "load": load}
    return figure | ({"goal": goal} if goal is not None else {})
