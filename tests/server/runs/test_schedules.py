"""Schedules: at their times devices are asked for plans, in nobody's name; nothing is ever signed by the server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.server.signing import refused
from tests.server.world import World, play

from sereno_server.rollouts.begin import Wish
from sereno_server.rollouts.choose import Target
from sereno_server.rollouts.schedule import Plan, add_schedule, next_time, remove_schedule, tick
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import devices, maintenance, rollouts, runs, schedules, signatures

WISH = Wish("disk.free_space", Target(["web-1"]), {"folder": "app-logs"})


def test_times_are_those_of_the_zone_also_when_clocks_change():
    before = datetime(2026, 10, 23, 12, tzinfo=UTC)
    first = next_time("0 3 * * sat", "Europe/Madrid", before)
    assert first == datetime(2026, 10, 24, 1, tzinfo=UTC)
    assert next_time("0 3 * * sat", "Europe/Madrid", first) == datetime(2026, 10, 31, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("* * *", "UTC"),
        ("61 * * * *", "UTC"),
        ("0 3 * * *", "Mars/Base"),
        ("0 0 30 2 *", "UTC"),
        ("0 3 * * *", "../etc"),
    ],
)
def test_what_is_no_time_is_refused(cron, zone):
    with refused("E_PARAMETER"):
        next_time(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))


async def ticked(world: World) -> str:
    async with world.store.transaction(Scope.system()) as tx:
        await tick(tx, world.clock)
    return str((await world.rows(schedules))[0]["last_what"])


@pytest.mark.slow
def test_a_schedule_asks_once_each_time_and_signs_nothing(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.change(devices, world.device.id, node="n1")
        schedule_id = await add_schedule(world, world.account("noa"), Plan(WISH, "0 4 * * *"), clock=world.clock)
        await ticked(world)
        assert await world.rows(rollouts) == []
        world.now += timedelta(hours=1)
        assert "asked 1 devices for plans" in await ticked(world)
        await ticked(world)
        [rollout] = await world.rows(rollouts)
        [run] = await world.rows(runs)
        assert (rollout["requester"], rollout["schedule_id"], run["state"]) == ("server", schedule_id, "planning")
        assert await world.rows(signatures) == []
        world.now += timedelta(days=1, hours=2)
        assert "missed" in await ticked(world)
        await remove_schedule(world, world.account("noa"), schedule_id)
        with refused("E_NOT_FOUND"):
            await remove_schedule(world, world.account("noa"), schedule_id)

    play(store, tmp_path, story)


@pytest.mark.slow
def test_within_maintenance_only_and_never_for_who_may_not(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.change(devices, world.device.id, node="n1")
        plan = Plan(WISH, "0 * * * *", in_maintenance=True)
        await add_schedule(world, world.account("noa"), plan, clock=world.clock)
        world.now += timedelta(hours=1)
        assert "no maintenance" in await ticked(world)
        span = {"starts_at": world.now, "ends_at": world.now + timedelta(hours=3)}
        await world.put(maintenance, id="mnt_1", device_id=world.device.id, reason="updates", made_by="noa", **span)
        world.now += timedelta(hours=1)
        assert "asked 1 devices" in await ticked(world)
        for name, wish, code in (
            ("cesar", WISH, "E_FORBIDDEN"),
            ("noa", Wish("disk.wipe", WISH.target), "E_PLAYBOOK_UNKNOWN"),
            ("noa", Wish("disk.free_space", Target(["web-9"]), WISH.parameters), "E_NOT_FOUND"),
        ):
            with refused(code):
                await add_schedule(world, world.account(name), Plan(wish, "0 3 * * *"), clock=world.clock)

    play(store, tmp_path, story)
