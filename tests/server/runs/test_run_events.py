"""What a device says about a run: once each, only its own, and nothing hostile breaks anything."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.signing import DONE, STARTED, SUCCEEDED, planned, send, signed, state, verbs
from tests.server.world import FakeDevice, World, play

from sereno_proto.v1.runs_pb2 import RunEvent, RunState
from sereno_server.runs.expire import expire
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import findings, run_events

pytestmark = pytest.mark.slow


def test_an_event_that_is_told_twice_counts_once(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        await send(world, run)
        for _ in range(3):
            await world.tell(run, STARTED, DONE, SUCCEEDED)
        assert len(await world.rows(run_events)) == 3
        assert len(await world.rows(findings)) == 1
        assert (await verbs(world)).count("run.succeeded") == 1

    play(store, tmp_path, story)


def test_events_may_be_faster_than_the_answer(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        await world.tell(run, STARTED, DONE, SUCCEEDED)
        await send(world, run)
        assert await state(world, run) == ("succeeded", None)

    play(store, tmp_path, story)


def test_what_the_device_did_counts_over_what_the_server_gave_up(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        world.now += timedelta(hours=1)
        async with world.store.transaction(Scope(world.organisation_id)) as tx:
            await expire(tx, world.organisation_id, world.now)
        await world.tell(run, STARTED, SUCCEEDED)
        assert (await state(world, run))[0] == "succeeded"

    play(store, tmp_path, story)


def test_a_replay_that_the_device_refused_says_nothing_against_the_run(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        await send(world, run)
        replay = RunEvent(run_id=run["id"], plan_id=run["plan_id"], state=RunState.RUN_STATE_REFUSED, index=9)
        replay.code = "E_PLAN_REPLAYED"
        assert await world.report(replay) == []
        assert await state(world, run) == ("executing", None)
        assert "run.refused" in await verbs(world)

    play(store, tmp_path, story)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"run_id": "run_unknown"}, "E_NOT_FOUND"),
        ({"plan_id": "pln_other"}, "E_PLAN_UNKNOWN"),
        ({"step": 4_000_000_000}, "E_LIMIT"),
        ({"state": RunState.RUN_STATE_UNSPECIFIED}, "E_BAD_REQUEST"),
        ({"state": 77}, "E_BAD_REQUEST"),
    ],
)
def test_an_event_that_makes_no_sense_is_a_problem_and_no_fault(
    store: Store, tmp_path: Path, fields: dict[str, Any], code: str
) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        given = {"run_id": run["id"], "plan_id": run["plan_id"], "state": SUCCEEDED, "index": 1, **fields}
        [problem] = await world.report(RunEvent(**given))
        assert (problem.code, problem.sequence) == (code, 7)
        assert await state(world, run) == ("planned", None)

    play(store, tmp_path, story)


def test_hostile_words_in_an_event_are_kept_as_words(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        event = RunEvent(run_id=run["id"], state=STARTED, what="a\0b" * 9000, code="\0", time_ms=-(2**63), index=1)
        assert await world.report(event) == []

    play(store, tmp_path, story)


def test_another_device_is_not_heard_about_a_run(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        for stranger in (_other(world, world.organisation_id), _other(world, "org_other")):
            [problem] = await world.report(RunEvent(run_id=run["id"], state=SUCCEEDED, index=1), by=stranger)
            assert problem.code == "E_NOT_FOUND"
        assert await state(world, run) == ("planned", None)

    play(store, tmp_path, story)


def _other(world: World, organisation_id: str) -> FakeDevice:
    stranger = FakeDevice(world.signers["stranger"], "evil", world)
    stranger.organisation_id = organisation_id
    return stranger
