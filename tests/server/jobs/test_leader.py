import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_server.jobs.leader import Leadership
from sereno_server.jobs.run import lead
from sereno_server.jobs.timers import TIMERS, Timer
from sereno_server.store.engine import Scope, Store

pytestmark = pytest.mark.slow


def test_one_leads_until_it_resigns_and_the_fence_rises(store: Store) -> None:
    async def story() -> None:
        one, two = Leadership(store, "timers", "a"), Leadership(store, "timers", "a")
        assert await one.claim()
        assert not await two.claim()
        assert await one.claim()
        assert (one.fence, two.fence) == (1, 0)
        await one.resign()
        assert await two.claim()
        assert two.fence == 2

    asyncio.run(story())


def test_a_leader_that_overslept_cannot_write(store: Store) -> None:
    async def story() -> None:
        asleep, awake = Leadership(store, "timers", "a", lease_s=0.0), Leadership(store, "timers", "b")
        assert await asleep.claim()
        assert await awake.claim()
        async with store.transaction(Scope.system()) as tx:
            with pytest.raises(SerenoError, match="another node leads"):
                await asleep.require(tx)
            await awake.require(tx)

    asyncio.run(story())


def test_timers_tick_on_the_leader_alone_and_move_with_the_lease(store: Store) -> None:
    async def story() -> None:
        ticks: dict[str, asyncio.Event] = {"one": asyncio.Event(), "two": asyncio.Event()}

        def timers(name: str) -> tuple[Timer, ...]:
            async def tick(tx: AsyncConnection) -> None:
                ticks[name].set()

            return (Timer("tick", 0.05, tick),)

        first, second = Leadership(store, "timers", "one"), Leadership(store, "timers", "two")
        one = asyncio.create_task(lead(store, first, timers("one"), 0.05))
        await asyncio.wait_for(ticks["one"].wait(), 20)
        two = asyncio.create_task(lead(store, second, timers("two"), 0.05))
        await asyncio.sleep(0.3)
        assert not ticks["two"].is_set()
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        await asyncio.wait_for(ticks["two"].wait(), 20)
        two.cancel()
        await asyncio.gather(two, return_exceptions=True)

    asyncio.run(story())


def test_every_timer_runs_on_an_empty_database(store: Store) -> None:
    async def story() -> None:
        for timer in TIMERS:
            async with store.transaction(Scope.system()) as tx:
                await timer.work(tx)

    asyncio.run(story())
