"""Whatever comes late, twice, out of order, or is cut short: what is read as a rollup is what the samples say, once."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, text

from sereno_proto.limits import FIVE_MINUTES_DAYS, SAMPLE_DAYS
from sereno_server.store import compactor, rollups, samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope, Store
from sereno_server.store.partitions import keep_as_of
from sereno_server.store.rollup import DAY_MS, FIVE_MINUTES_MS, HOUR_MS, STEPS_MS, by_series, roll
from sereno_server.store.tables import batches, blocks, devices, organisations, rollup_due, rollups_1h, rollups_5m

pytestmark = pytest.mark.slow
ORG, DEV, EPOCH = "org_a", "dev_a", b"e" * 16
DAY = 20_000 * DAY_MS
NOW = DAY + 2 * DAY_MS + HOUR_MS // 2  # two whole days are over
LEVEL, COUNTER, OTHER = 1, 2, 3


async def _device(store: Store) -> None:
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[]))
        row = {"organisation_id": ORG, "id": DEV, "name": "a", "identity_key": b"", "platform": "", "agent_version": ""}
        await tx.execute(insert(devices).values(row))
        for series, kind in ((LEVEL, "gauge"), (COUNTER, "counter"), (OTHER, "gauge")):
            await tx.execute(
                text("""
                    INSERT INTO series (organisation_id, device_id, id, name, labels, text, kind)
                    OVERRIDING SYSTEM VALUE VALUES (:org, :dev, :id, :name, '{}', :name, :kind)
                """),
                {"org": ORG, "dev": DEV, "id": series, "name": f"series_{series}", "kind": kind},
            )


def _batch(chance: random.Random, start: int, steps: int) -> list[Matrix]:
    times = start + np.cumsum([chance.choice((15_000, 15_000, 15_000, 60_000, 700_000)) for _ in range(steps)])
    values = np.array([[chance.uniform(0, 100), chance.randrange(1000)] for _ in range(steps)])
    both = Matrix((LEVEL, COUNTER), times.astype(np.int64), values)
    return [both, Matrix((OTHER,), both.times[:2], values[:2, :1])]


async def _append(store: Store, sequence: int, matrices: list[Matrix]) -> None:
    row = samples.batch(ORG, DEV, EPOCH, sequence, matrices)
    assert row
    async with store.transaction(Scope(ORG)) as tx:
        await samples.append(tx, [row])
        await tx.execute(text("UPDATE batches SET received_at = to_timestamp(:s)"), {"s": NOW / 1000})


async def _compact(store: Store, *, cut_short: bool = False) -> None:
    async with store.transaction(Scope(ORG)) as tx:
        await compactor.compact(tx, ORG, DEV, NOW)
        if cut_short:
            await tx.rollback()


async def _read(store: Store, step: int, first: int = DAY, last: int = DAY + 3 * DAY_MS) -> dict[tuple[int, int], list]:
    async with store.transaction(Scope(ORG)) as tx:
        found = await rollups.read(tx, ORG, {DEV: None}, rollups.Range(first, last, step))
    return _cells(found.get(DEV, {}))


def _cells(found) -> dict[tuple[int, int], list]:
    return {
        (series, time): list(cell)
        for series, one in found.items()
        for time, *cell in zip(
            *(x.tolist() for x in (one.times, one.lowest, one.mean, one.highest, one.counts)), strict=True
        )
    }


async def _of_samples(store: Store, step: int) -> dict[tuple[int, int], list]:
    """Day by day, of all samples as they came."""
    async with store.transaction(Scope(ORG)) as tx:
        columns = await samples.read(tx, ORG, DEV, None, 0, 2**60)
    parts = [
        part
        for day in range(DAY, DAY + 3 * DAY_MS, DAY_MS)
        for part in roll(columns, frozenset({COUNTER}), step, day, day + DAY_MS)
    ]
    return _cells(by_series(parts, step))


async def _same(store: Store) -> None:
    for step in STEPS_MS:
        found, expected = await _read(store, step), await _of_samples(store, step)
        assert found.keys() == expected.keys()
        for key, cell in expected.items():
            assert found[key] == pytest.approx(cell, rel=0.005, abs=0.2), key
            assert found[key][3] == cell[3]
            if key[0] != COUNTER:
                assert (found[key][0], found[key][2]) == (cell[0], cell[2])


@pytest.mark.parametrize("seed", range(3))
def test_late_doubled_unordered_and_cut_short_batches_are_counted_once(store: Store, seed: int) -> None:
    async def story() -> None:
        chance = random.Random(seed)
        await _device(store)
        sent = [(n, _batch(chance, DAY + chance.randrange(2 * DAY_MS - 2 * HOUR_MS), 8)) for n in range(24)]
        for sequence, matrices in sent:
            await _append(store, sequence, matrices)
            if chance.random() < 0.3:
                await _append(store, *chance.choice(sent[: sequence + 1]))  # twice, or before its turn
            if chance.random() < 0.4:
                await _compact(store, cut_short=chance.random() < 0.3)
            if chance.random() < 0.3:
                await compactor.roll_up(store, NOW)
            if chance.random() < 0.4:
                await _same(store)
        await _compact(store)
        await _same(store)
        await compactor.roll_up(store, NOW)
        await _same(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(rollup_due))).all() == []
            assert (await tx.execute(select(batches))).all() == []
            for table in (rollups_5m, rollups_1h):
                kept = (await tx.execute(select(table.c.day_ms).order_by("day_ms"))).scalars().all()
                assert kept[:2] == [DAY, DAY + DAY_MS]

    asyncio.run(story())


def test_a_rollup_cut_short_is_made_again(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _batch(random.Random(1), DAY, 8))
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            await rollups.make(tx, ORG, DEV, DAY)
            await tx.rollback()
        async with store.transaction(Scope(ORG)) as tx:
            assert await rollups.due(tx, NOW, 10) == [(ORG, DEV, DAY)]
            assert (await tx.execute(select(rollups_5m))).all() == []
        await _same(store)

    asyncio.run(story())


def test_a_range_begins_with_the_stretch_it_starts_in(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        times = DAY + np.arange(0, DAY_MS, 60_000, dtype=np.int64)
        await _append(store, 1, [Matrix((LEVEL,), times, np.ones((times.size, 1)))])
        await _compact(store)
        for _ in range(2):
            found = await _read(store, 2 * FIVE_MINUTES_MS, DAY + HOUR_MS + 1, DAY + HOUR_MS + 600_001)
            assert [time - DAY - HOUR_MS for _, time in found] == [0, 600_000]
            assert [cell[3] for cell in found.values()] == [10, 10]
            await compactor.roll_up(store, NOW)

    asyncio.run(story())


def test_samples_go_when_their_time_is_over_and_rollups_stay(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _batch(random.Random(2), DAY, 8))
        await _compact(store)
        past = datetime.fromtimestamp(DAY / 1000, UTC).date() + timedelta(days=SAMPLE_DAYS + 1)
        before = await _read(store, HOUR_MS)
        await _keep(store, past)
        assert await _count(store) == 1  # they wait for their rollup
        await compactor.roll_up(store, NOW)
        await _keep(store, past)
        assert await _count(store) == 0
        kept = await _read(store, HOUR_MS)
        assert kept.keys() == before.keys()
        # What comes even later is added to the rows, and makes no block.
        late = [Matrix((LEVEL,), np.array([DAY + 23 * HOUR_MS]), np.array([[1e6]]))]
        await _append(store, 2, late)
        await _compact(store)
        assert await _count(store) == 0
        added = await _read(store, HOUR_MS)
        assert added.keys() - kept.keys() == {(LEVEL, DAY + 23 * HOUR_MS)}
        assert sum(cell[3] for cell in added.values()) == 1 + sum(cell[3] for cell in kept.values())
        await _keep(store, past + timedelta(days=FIVE_MINUTES_DAYS - SAMPLE_DAYS + 31))
        assert await _read(store, FIVE_MINUTES_MS) == {}
        assert await _read(store, HOUR_MS) == added

    asyncio.run(story())


def test_a_day_with_blocks_in_the_default_partition_gets_none_of_its_own(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        today = datetime.fromtimestamp(DAY / 1000, UTC).date()
        await _append(store, 1, _batch(random.Random(3), DAY, 8))
        await _compact(store)
        await _keep(store, today)
        async with store.transaction(Scope(ORG)) as tx:
            made = await tx.execute(text("SELECT relname FROM pg_class WHERE relname ~ '^blocks_2[0-9]+$' ORDER BY 1"))
            assert made.scalars().all() == [f"blocks_{today + timedelta(days=n):%Y%m%d}" for n in (1, 2)]

    asyncio.run(story())


async def _keep(store: Store, today: date) -> None:
    async with store.transaction(Scope.system()) as tx:
        await keep_as_of(tx, today)


async def _count(store: Store) -> int:
    async with store.transaction(Scope(ORG)) as tx:
        return len((await tx.execute(select(blocks.c.hour_ms).distinct())).all())
