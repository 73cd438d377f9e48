"""Runs from request to proof, with devices that are away, answers that get lost, and refusals."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.server.signing import DONE, STARTED, SUCCEEDED, planned, refused, requested, send, sign, signed, state, verbs
from tests.server.world import World, play

from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import ExecutePlan, MakePlan
from sereno_server.runs.plan import make_plan
from sereno_server.store.engine import Store
from sereno_server.store.tables import findings, ledger, runs

pytestmark = pytest.mark.slow


def test_a_run_goes_from_request_to_proof_with_every_step_in_the_ledger(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        await send(world, run)
        assert await state(world, run) == ("executing", None)
        await world.tell(run, STARTED, DONE, SUCCEEDED)
        assert await state(world, run) == ("succeeded", None)
        assert await verbs(world) == [
            "run.request",
            "run.planned",
            "run.sign",
            "run.sign",
            "run.executing",
            "run.started",
            "run.step_done",
            "run.succeeded",
        ]
        assert [row["title"] for row in await world.rows(findings)] == ["42 % used"]

    play(store, tmp_path, story)


def test_the_plan_is_kept_and_sent_byte_for_byte(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        await send(world, run)
        [order] = [order for order in world.device.orders if isinstance(order, ExecutePlan)]
        assert run["plan_text"] == order.plan_text == world.device.held[run["plan_id"]]

    play(store, tmp_path, story)


def test_what_the_server_proposes_needs_an_approval_and_no_request(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world, "server")
        with refused("E_REQUESTER_OTHER"):
            await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        await send(world, run)

    play(store, tmp_path, story)


def test_a_device_that_is_away_gets_plan_and_order_when_it_is_back(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.online = False
        run_id = await requested(world)
        with refused("E_DEVICE_OFFLINE"):
            await make_plan(world, world.organisation_id, run_id, world.clock)
        world.device.online = True
        await make_plan(world, world.organisation_id, run_id, world.clock)
        [run] = await world.rows(runs)
        await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        world.device.online = False
        with refused("E_DEVICE_OFFLINE"):
            await send(world, run)
        world.device.online = True
        await send(world, run)
        assert world.device.executed == [run_id]

    play(store, tmp_path, story)


def test_a_device_that_never_comes_back_ends_the_wait(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.online = False
        run_id = await requested(world)
        world.now += timedelta(seconds=1800)
        await make_plan(world, world.organisation_id, run_id, world.clock)
        assert await state(world, {"id": run_id}) == ("expired", "E_DEVICE_OFFLINE")

    play(store, tmp_path, story)


@pytest.mark.parametrize("kind", [MakePlan, ExecutePlan])
def test_an_answer_that_got_lost_does_nothing_twice(store: Store, tmp_path: Path, kind: type) -> None:
    async def story(world: World) -> None:
        world.device.after[kind] = ["E_TIMEOUT"]
        run_id = await requested(world)
        for _ in range(2):
            with contextlib.suppress(SerenoError):
                await make_plan(world, world.organisation_id, run_id, world.clock)
        [run] = await world.rows(runs)
        await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        for _ in range(2):
            with contextlib.suppress(SerenoError):
                await send(world, run)
        assert await state(world, run) == ("executing", None)
        assert world.device.executed == [run_id]

    play(store, tmp_path, story)


@pytest.mark.parametrize("code", ["E_LOCKDOWN", "E_POLICY_FORBIDS", "E_OUTSIDE_POLICY"])
def test_a_refused_dry_run_keeps_its_code(store: Store, tmp_path: Path, code: str) -> None:
    async def story(world: World) -> None:
        world.device.faults[MakePlan] = [code]
        run_id = await requested(world)
        await make_plan(world, world.organisation_id, run_id, world.clock)
        assert await state(world, {"id": run_id}) == ("refused", code)
        [row] = await world.rows(ledger, verb="run.refused")
        assert (row["actor"], row["payload"]["code"]) == ("device:web-1", code)

    play(store, tmp_path, story)


@pytest.mark.parametrize("code", ["E_TARGET_DRIFTED", "E_POLICY_CHANGED", "E_LOCKDOWN", "E_PLAN_UNKNOWN"])
def test_a_refused_order_keeps_its_code(store: Store, tmp_path: Path, code: str) -> None:
    async def story(world: World) -> None:
        world.device.faults[ExecutePlan] = [code]
        run = await signed(world)
        await send(world, run)
        assert await state(world, run) == ("refused", code)
        await send(world, run)
        assert world.device.count(ExecutePlan) == 1

    play(store, tmp_path, story)


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        ({"device_id": "dev_other"}, "E_PLAN_DEVICE"),
        ({"run_id": "run_other"}, "E_PLAN_CHANGED"),
        ({"requester": "sam"}, "E_PLAN_CHANGED"),
        ({"playbook": "disk.other"}, "E_PLAN_CHANGED"),
        ({"organisation_id": "org_other"}, "E_PLAN_CHANGED"),
        ({"ticket_id": "tkt_other"}, "E_PLAN_CHANGED"),
    ],
)
def test_a_plan_for_something_else_is_shown_to_nobody(
    store: Store, tmp_path: Path, forged: dict[str, str], code: str
) -> None:
    async def story(world: World) -> None:
        world.device.forge = lambda plan: replace(plan, **forged)
        run_id = await requested(world)
        await make_plan(world, world.organisation_id, run_id, world.clock)
        [run] = await world.rows(runs)
        assert (run["state"], run["code"], run["plan_text"]) == ("refused", code, None)

    play(store, tmp_path, story)
