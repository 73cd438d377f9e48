import asyncio

import numpy as np
import pytest
from sqlalchemy import insert, select, text

from sereno_server.store import compactor, samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope, Store
from sereno_server.store.rollup import HOUR_MS
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import batches, blocks, devices, organisations

pytestmark = pytest.mark.slow
ORG, DEV, EPOCH = "org_a", "dev_a", b"e" * 16
NOW = 500_000 * HOUR_MS + HOUR_MS // 2


async def _device(store: Store) -> None:
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[]))
        await tx.execute(
            insert(devices).values(
                organisation_id=ORG, id=DEV, name="a", identity_key=b"", platform="linux", agent_version="0"
            )
        )


def _steps(start: int, count: int, step: int = 15_000) -> Matrix:
    times = start + step * np.arange(count, dtype=np.int64)
    return Matrix((1, 2), times, np.stack([times / 1000.0, np.sin(times)], axis=1))


async def _append(store: Store, sequence: int, *matrices: Matrix) -> None:
    row = samples.batch(ORG, DEV, EPOCH, sequence, matrices)
    assert row
    async with store.transaction(Scope(ORG)) as tx:
        await samples.append(tx, [row])
        await tx.execute(text("UPDATE batches SET received_at = to_timestamp(:s)"), {"s": NOW / 1000})


async def _all(store: Store) -> samples.Columns:
    async with store.transaction(Scope(ORG)) as tx:
        return await samples.read(tx, ORG, DEV, None, 0, 2**60)


async def _compact(store: Store) -> None:
    async with store.transaction(Scope(ORG)) as tx:
        await compactor.compact(tx, ORG, DEV, NOW)


def _same(one: samples.Columns, other: samples.Columns) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[key][0], other[key][0]) and np.array_equal(one[key][1], other[key][1]) for key in one
    )


def test_what_is_appended_is_read_before_and_after_compaction(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        hour = NOW // HOUR_MS * HOUR_MS
        for sequence in range(1, 100):
            await _append(store, sequence, _steps(hour - HOUR_MS + sequence * 60_000, 4))
        before = await _all(store)
        assert len(before[1][0]) == 99 * 4
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(blocks.c.hour_ms, blocks.c.part))).all() == [(hour - HOUR_MS, 0)]
            assert len((await tx.execute(select(batches))).all()) == 40
        assert _same(before, await _all(store))

    asyncio.run(story())


def test_a_batch_across_the_hour_is_divided(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        hour = NOW // HOUR_MS * HOUR_MS
        await _append(store, 1, _steps(hour - 30_000, 4))
        before = await _all(store)
        await _compact(store)
        assert _same(before, await _all(store))
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(blocks.c.samples))).scalar_one() == 4
            assert (await tx.execute(select(batches.c.first_ms))).scalar_one() == hour
        await _compact(store)
        assert _same(before, await _all(store))

    asyncio.run(story())


def test_late_batches_make_a_further_part(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        hour = (NOW // HOUR_MS - 5) * HOUR_MS
        await _append(store, 1, _steps(hour, 4))
        await _compact(store)
        await _append(store, 2, _steps(hour + 1, 4))
        before = await _all(store)
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(blocks.c.part).order_by("part"))).scalars().all() == [0, 1]
        assert _same(before, await _all(store))
        assert np.all(np.diff(before[1][0]) >= 0)

    asyncio.run(story())


def test_a_compaction_cut_short_leaves_everything_as_it_was(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps((NOW // HOUR_MS - 5) * HOUR_MS, 4))
        before = await _all(store)
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with store.transaction(Scope(ORG)) as tx:
                assert await compactor.compact(tx, ORG, DEV, NOW) == 1
                raise ZeroDivisionError
        assert _same(before, await _all(store))
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(blocks))).all() == []

    asyncio.run(story())


def test_samples_from_the_future_stay_readable_and_are_compacted_in_the_end(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps(NOW + 1000 * HOUR_MS, 4))
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(blocks))).all() == []
            await tx.execute(text("UPDATE batches SET received_at = to_timestamp(:s)"), {"s": NOW / 1000 - 8000})
        before = await _all(store)
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert (await tx.execute(select(batches))).all() == []
        assert _same(before, await _all(store))

    asyncio.run(story())


def test_the_same_batch_twice_is_stored_once(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps(0, 4))
        await _append(store, 1, _steps(0, 4))
        assert len((await _all(store))[1][0]) == 4

    asyncio.run(story())


def test_a_range_takes_its_start_and_leaves_its_end(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps(0, 4))
        async with store.transaction(Scope(ORG)) as tx:
            found = await samples.read(tx, ORG, DEV, [2], 15_000, 45_000)
        assert list(found) == [2]
        assert found[2][0].tolist() == [15_000, 30_000]

    asyncio.run(story())


def test_latest_gives_each_series_newest_sample(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps(0, 4))
        await _append(store, 2, Matrix((3,), np.array([20_000]), np.array([[7.0]])))
        async with store.transaction(Scope(ORG)) as tx:
            found = await samples.latest(tx, ORG, DEV)
            assert found[1] == (45_000, 45.0)
            assert found[3] == (20_000, 7.0)
        await _compact(store)
        async with store.transaction(Scope(ORG)) as tx:
            assert await samples.latest(tx, ORG, DEV) == found

    asyncio.run(story())


def test_series_are_named_once(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        keys = [SeriesKey("load1"), SeriesKey("folder_used_bytes", (("folder", 'a"b'),)), SeriesKey("load1")]
        async with store.transaction(Scope(ORG)) as tx:
            first = await samples.name_series(tx, ORG, DEV, keys)
        async with store.transaction(Scope(ORG)) as tx:
            assert await samples.name_series(tx, ORG, DEV, keys[:2]) == first
        assert keys[1].text == 'folder_used_bytes{folder="a\\"b"}'

    asyncio.run(story())


def test_another_organisation_reads_nothing(store: Store) -> None:
    async def story() -> None:
        await _device(store)
        await _append(store, 1, _steps(0, 4))
        async with store.transaction(Scope("org_b")) as tx:
            assert await samples.read(tx, ORG, DEV, None, 0, 2**60) == {}

    asyncio.run(story())
