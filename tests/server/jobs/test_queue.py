import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.jobs.queue import ATTEMPTS_MAX, Job, enqueue, work_one
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import jobs, organisations

pytestmark = pytest.mark.slow
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def _add(store: Store, at: datetime = NOW, **payload: object) -> str:
    async with store.transaction(Scope("org_a")) as tx:
        return await enqueue(tx, "org_a", "greet", payload, at)


async def _states(store: Store) -> list[str]:
    async with store.transaction(Scope.system()) as tx:
        return list((await tx.execute(select(jobs.c.state).order_by(jobs.c.id))).scalars())


def test_due_jobs_are_done_once_by_any_number_of_workers(store: Store) -> None:
    async def story() -> None:
        done: list[object] = []

        async def greet(tx: AsyncConnection, job: Job) -> None:
            await asyncio.sleep(0.01)
            done.append(job.payload["who"])

        for number in range(6):
            await _add(store, who=number)
        await _add(store, NOW + timedelta(hours=1), who="later")

        async def worker() -> None:
            while await work_one(store, {"greet": greet}, NOW):
                pass

        await asyncio.gather(worker(), worker(), worker())
        assert sorted(done, key=str) == [0, 1, 2, 3, 4, 5]
        assert (await _states(store)).count("waiting") == 1

    asyncio.run(story())


def test_a_failing_job_leaves_nothing_and_is_tried_a_bounded_number_of_times(store: Store) -> None:
    async def story() -> None:
        async def greet(tx: AsyncConnection, job: Job) -> None:
            row = {"organisation_id": "org_x", "name": "x", "root_text": b"", "root_signatures": []}
            await tx.execute(insert(organisations).values(**row))
            raise ZeroDivisionError("no")

        await _add(store, who=1)
        now = NOW
        for _ in range(ATTEMPTS_MAX):
            assert await work_one(store, {"greet": greet}, now)
            assert not await work_one(store, {"greet": greet}, now)
            now += timedelta(days=1)
        assert not await work_one(store, {"greet": greet}, now)
        assert await _states(store) == ["failed"]
        async with store.transaction(Scope.system()) as tx:
            assert (await tx.execute(select(organisations))).all() == []
            assert (await tx.execute(select(jobs.c.error))).scalar_one() == "ZeroDivisionError: no"

    asyncio.run(story())


def test_kinds_without_a_handler_wait(store: Store) -> None:
    async def story() -> None:
        await _add(store, who=1)
        assert not await work_one(store, {}, NOW)
        assert await _states(store) == ["waiting"]

    asyncio.run(story())
