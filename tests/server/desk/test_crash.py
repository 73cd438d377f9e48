"""Killed between any two steps, or doubled, the desk ends the same."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.filling_disk import disk_fills, kinds, loop_of, one, settle, stage
from tests.server.world import World, play

from sereno_server.desk import desk
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, Events, emit
from sereno_server.store.tables import (
    alerts,
    devices,
    findings,
    ledger,
    runs,
    tickets,
    timeline,
)

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The server dies here."""


class Dying:
    """A store whose process is killed at the n-th transaction: before its commit, or just after."""

    def __init__(self, store: Store, at: int, *, committed: bool) -> None:
        self._store, self._left, self._committed = store, at, committed

    def transaction(self, scope: Scope) -> Any:
        return self._transaction(scope)

    def _transaction(self, scope: Scope) -> Any:
        @contextlib.asynccontextmanager
        async def dies() -> Any:
            self._left -= 1
            async with self._store.transaction(scope) as tx:
                yield tx
                if self._left == 0 and not self._committed:
                    raise Killed
            if self._left == 0:
                raise Killed

        return dies()


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_killed_between_any_two_steps_it_ends_the_same(store: Store, tmp_path: Path, committed: bool) -> None:
    """Kills the desk at its 1st, 2nd, ... transaction of the way to a proposal; each time a new desk goes on."""

    async def story(world: World) -> None:
        await disk_fills(world)
        whole = world.store
        for moment in range(1, 18):
            world.store = Dying(whole, moment, committed=committed)  # type: ignore[assignment]
            try:
                loop = loop_of(world)
                for item in await loop.look():
                    await loop.work(item)
            except Killed:
                pass
            finally:
                world.store = whole
        await settle(world)
        assert await stage(world) == ("open", "proposed")
        assert len(await world.rows(tickets)) == len(await world.rows(alerts)) == len(await world.rows(runs)) == 1
        assert len(await world.rows(findings)) == 3
        told = await kinds(world)
        assert (told.count("forecast"), told.count("change"), told.count("check"), told.count("proposed")) == (
            1,
            1,
            3,
            1,
        )
        assert [row["verb"] for row in await world.rows(ledger)].count("check.run") == 3

    play(store, tmp_path, story)


def test_two_desks_at_once_do_nothing_twice(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await asyncio.gather(*(settle(world) for _ in range(3)))
        assert len(await world.rows(tickets)) == len(await world.rows(alerts)) == len(await world.rows(runs)) == 1
        assert len(await world.rows(findings)) == 3
        assert (await kinds(world)).count("proposed") == 1

    play(store, tmp_path, story)


def test_a_quiet_world_writes_nothing(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await settle(world)
        assert await world.rows(tickets) == []
        await disk_fills(world)
        await settle(world)
        before = len(await world.rows(ledger)), len(await world.rows(timeline)), (await one(world, tickets))["version"]
        await settle(world)
        after = len(await world.rows(ledger)), len(await world.rows(timeline)), (await one(world, tickets))["version"]
        assert before == after

    play(store, tmp_path, story)


@dataclass(frozen=True)
class Server:
    """As much of the server as the desk needs, with the database's real events."""

    store: Store
    gateway: World
    events: Events
    started_at: datetime


def test_the_loop_hears_of_a_forecast_and_works_it(store: Store, tmp_path: Path) -> None:
    """Real events, the real clock: a forecast is told, and its ticket is there long before the poll."""

    async def story(world: World) -> None:
        world.now = datetime.now(UTC)
        await world.change(devices, world.device.id, last_seen=world.now)
        server = Server(world.store, world, Events(world.store.url), world.now - timedelta(days=1))
        with server.events.subscribe("ticket") as heard:
            tasks = [asyncio.create_task(server.events.run()), asyncio.create_task(desk.run(server))]
            try:
                await asyncio.wait_for(server.events.listening.wait(), 10)
                moment = {"made_at": world.now, "updated_at": world.now, "full_at": world.now + timedelta(hours=1)}
                await disk_fills(world, **moment, onset_at=world.now - timedelta(minutes=5))
                async with world.store.transaction(Scope(world.organisation_id)) as tx:
                    await emit(tx, Event("forecast", world.organisation_id, "fct_1", world.device.id))
                async with asyncio.timeout(30):
                    while not await world.rows(runs, state="planned"):
                        await heard.get()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        assert (await one(world, tickets))["number"] == 1

    play(store, tmp_path, story)
