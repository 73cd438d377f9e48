"""Rollouts: rings begin when those before them are over and well, and stop by themselves; nothing runs out of turn."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.server.signing import STARTED, SUCCEEDED, refused, send, sign, verbs
from tests.server.world import FakeDevice, World, play

from sereno_proto import sshsig
from sereno_proto.v1.runs_pb2 import CancelRun, ExecutePlan
from sereno_server.reads.rollouts import rollout as view
from sereno_server.rollouts.begin import Wish, begin_rollout, rings_of
from sereno_server.rollouts.cancel import cancel_rollout
from sereno_server.rollouts.choose import Target
from sereno_server.rollouts.watch import Member, judge, look
from sereno_server.runs.cancel import cancel
from sereno_server.runs.execute import execute
from sereno_server.runs.plan import make_plan
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import devices, rollouts, runs, tickets

FREE = {"folder": "app-logs"}


def test_rings_take_devices_in_order():
    assert rings_of(7, [1, 2]) == [0, 1, 1, 2, 2, 2, 2]
    assert rings_of(2, [1, 5]) == [0, 1]
    assert rings_of(1, [3]) == [0]
    assert rings_of(3, []) == [0, 0, 0]


@pytest.mark.parametrize(
    ("states", "failures", "watched", "verdict"),
    [
        (["planned", "planned"], 0, False, ("running", 0, False)),
        (["executing", "planned"], 0, True, ("running", 0, False)),
        (["succeeded", "planned"], 0, False, ("running", 0, True)),
        (["succeeded", "planned"], 0, True, ("running", 1, True)),
        (["failed", "planned"], 0, False, ("stopped", 0, False)),
        (["refused", "planned"], 0, False, ("stopped", 0, False)),
        (["failed", "planned"], 1, False, ("stopped", 0, False)),
        (["denied", "planned"], 0, True, ("stopped", 0, False)),
        (["expired", "planned"], 5, True, ("stopped", 0, False)),
    ],
)
def test_a_ring_decides_about_the_next(states, failures, watched, verdict):
    members = [Member(ring, state, f"till-{ring}") for ring, state in enumerate(states)]
    found = judge(members, 0, failures, watched=watched)
    assert (found.state, found.ring, found.ring_over) == verdict


def test_a_device_that_is_not_well_stops_it_and_the_last_ring_ends_it():
    members = [Member(0, "succeeded", "till-0", well=False), Member(1, "planned", "till-1")]
    assert judge(members, 0, 0, watched=False).state == "stopped"
    assert judge(members, 0, 1, watched=True).ring == 1
    over = judge([Member(0, "succeeded", "a"), Member(1, "succeeded", "b")], 1, 0, watched=True)
    assert (over.state, over.what) == ("done", "2 succeeded")


async def begun(world: World, folder: Path, **changes) -> tuple[str, list[dict]]:
    """A rollout on web-1 and web-2, planned and signed; web-1 is its first ring."""
    second = FakeDevice(sshsig.generate(folder / "identity-2"), "web-2", world)
    await world.put(
        devices,
        id=second.id,
        name="web-2",
        identity_key=second.identity_key,
        platform="linux",
        agent_version="0.1.0",
        site="north",
    )
    third = {"name": "web-3", "identity_key": b"3" * 32, "platform": "linux", "agent_version": "0.1.0", "site": "north"}
    await world.put(devices, id="dev_away", **third)
    for device in (world.device, second):
        await world.change(devices, device.id, node="n1", site="north")
    wish = Wish("disk.free_space", Target(site="north"), FREE, **changes)
    made = await begin_rollout(world, world.account("noa"), wish, clock=world.clock)
    assert (made.runs, made.offline) == (2, ("web-3",))
    found = await world.rows(runs, rollout_id=made.rollout_id)
    found.sort(key=lambda run: run["ring"])
    world.others[second.id] = second
    for run in found:
        await make_plan(world, world.organisation_id, run["id"], world.clock)
        [planned] = await world.rows(runs, id=run["id"])
        await sign(world, planned, "noa", "request")
        await sign(world, planned, "sam", "approve")
    return made.rollout_id, found


async def at(world: World, rollout_id: str):
    async with world.store.transaction(Scope(world.organisation_id)) as tx:
        return await view(tx, rollout_id)


@pytest.mark.slow
def test_the_second_ring_waits_for_the_first(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        rollout_id, (canary, other) = await begun(world, tmp_path, pause_s=60)
        second = next(row for row in await world.rows(devices) if row["name"] == "web-2")
        await execute(world, world.organisation_id, other["id"], world.clock)  # signed, and not its turn
        assert world.device.count(ExecutePlan) == 0
        [canary] = await world.rows(runs, id=canary["id"])
        await send(world, canary)
        await world.tell(canary, STARTED, SUCCEEDED)
        await look(world, world.clock)
        assert (await at(world, rollout_id)).ring == 0  # its device is watched for a minute
        world.now += timedelta(seconds=61)
        await look(world, world.clock)
        assert (await at(world, rollout_id)).ring == 1
        assert [one.state for one in (await at(world, rollout_id)).runs] == ["succeeded", "planned"]
        await world.put(
            tickets,
            id="tkt_9",
            number=9,
            device_id=second["id"],
            title="trouble",
            state="open",
            stage="look",
            priority=2,
            fingerprint="x",
            opened_at=world.now,
        )
        await world.change(runs, other["id"], state="succeeded")
        await look(world, world.clock)
        told = await at(world, rollout_id)
        assert (told.state, told.what) == ("stopped", "not well after it: web-2")
        assert [verb for verb in await verbs(world) if verb.startswith("rollout.")] == [
            "rollout.request",
            "rollout.ring",
            "rollout.stopped",
        ]

    play(store, tmp_path, story)


@pytest.mark.slow
def test_a_failure_stops_it_and_what_waited_never_happens(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        rollout_id, (canary, other) = await begun(world, tmp_path)
        await world.change(runs, canary["id"], state="failed")
        await look(world, world.clock)
        told = await at(world, rollout_id)
        assert (told.state, [one.state for one in told.runs]) == ("stopped", ["failed", "denied"])
        await execute(world, world.organisation_id, other["id"], world.clock)
        assert world.device.executed == []
        with refused("E_CONFLICT"):
            await cancel_rollout(world, world.account("sam"), rollout_id, "", clock=world.clock)

    play(store, tmp_path, story)


@pytest.mark.slow
def test_cancelling_ends_what_waits_and_what_goes_on(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        rollout_id, (canary, _other) = await begun(world, tmp_path)
        [canary] = await world.rows(runs, id=canary["id"])
        await send(world, canary)
        await cancel_rollout(world, world.account("noa"), rollout_id, "enough", clock=world.clock)
        assert world.device.count(CancelRun) == 1
        told = await at(world, rollout_id)
        assert (told.state, told.what) == ("cancelled", "noa: enough")
        assert [one.state for one in told.runs] == ["executing", "denied"]  # the first ends when its device says so
        assert {"run.cancel", "rollout.cancelled"} <= set(await verbs(world))
        world.device.online = False
        with refused("E_DEVICE_OFFLINE"):
            await cancel(world, world.account("noa"), canary["id"], "", clock=world.clock)
        assert "run.cancel_failed" in await verbs(world)
        assert (await world.rows(rollouts))[0]["finished_at"] is not None

    play(store, tmp_path, story)


@pytest.mark.slow
def test_what_makes_no_sense_is_not_begun(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for name, target, changes, code in (
            ("noa", Target(), {}, "E_PARAMETER"),
            ("noa", Target(["web-1"], "north"), {}, "E_PARAMETER"),
            ("noa", Target(["web-9"]), {}, "E_NOT_FOUND"),
            ("noa", Target(query="nginx < 2"), {}, "E_NOT_FOUND"),
            ("noa", Target(["web-1"]), {}, "E_DEVICE_OFFLINE"),
            ("noa", Target(["web-1"]), {"rings": [0]}, "E_PARAMETER"),
            ("cesar", Target(["web-1"]), {}, "E_FORBIDDEN"),
            ("stranger", Target(["web-1"]), {}, "E_REQUESTER_UNKNOWN"),
        ):
            with refused(code):
                await begin_rollout(world, world.account(name), Wish("disk.free_space", target, FREE, **changes))
        assert await world.rows(rollouts) == []

    play(store, tmp_path, story)
