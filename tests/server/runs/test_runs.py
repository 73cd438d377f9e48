"""Runs from request to proof, and everybody who tries what is not theirs."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.world import FakeDevice, World, play

from sereno_proto.errors import SerenoError
from sereno_proto.sshsig import APPROVE_NAMESPACE, PLAN_NAMESPACE, REQUEST_NAMESPACE
from sereno_proto.v1.runs_pb2 import DropPlan, ExecutePlan, MakePlan, RunEvent, RunState, Step
from sereno_server.access.account import Account
from sereno_server.runs.deny import deny
from sereno_server.runs.execute import execute
from sereno_server.runs.expire import expire
from sereno_server.runs.plan import make_plan
from sereno_server.runs.request import insert_run, request_run
from sereno_server.runs.sign import add_signature
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import findings, ledger, rosters, run_events, runs, signatures

pytestmark = pytest.mark.slow

NAMESPACE = {"request": REQUEST_NAMESPACE, "approve": APPROVE_NAMESPACE}
STARTED, DONE, SUCCEEDED = RunState.RUN_STATE_STARTED, RunState.RUN_STATE_STEP_DONE, RunState.RUN_STATE_SUCCEEDED


async def requested(world: World, requester: str = "noa") -> str:
    async with world.store.transaction(Scope(world.organisation_id)) as tx:
        run_id = await insert_run(
            tx,
            world.organisation_id,
            device_id=world.device.id,
            ticket_id=None,
            playbook="disk.free_space",
            requester=requester,
            steps=[Step(name="pack the logs", action="rotate_logs", parameters={"folder": "app-logs"})],
            at=world.now,
        )
    assert run_id is not None
    return run_id


async def planned(world: World, requester: str = "noa") -> dict[str, Any]:
    run_id = await requested(world, requester)
    await make_plan(world, world.organisation_id, run_id, world.clock)
    [run] = await world.rows(runs, id=run_id)
    assert run["state"] == "planned"
    return run


async def sign(world: World, run: dict[str, Any], name: str, purpose: str, **given: Any) -> None:
    text = given.get("text", run["plan_text"])
    key, namespace = given.get("key", name), given.get("namespace", NAMESPACE.get(purpose, PLAN_NAMESPACE))
    account = given.get("account", world.account(name))
    await add_signature(world, account, run["id"], purpose, world.sign(key, text, namespace), clock=world.clock)


async def signed(world: World) -> dict[str, Any]:
    run = await planned(world)
    await sign(world, run, "noa", "request")
    await sign(world, run, "sam", "approve")
    return run


async def send(world: World, run: dict[str, Any]) -> bool:
    return await execute(world, world.organisation_id, run["id"], world.clock)


async def state(world: World, run: dict[str, Any]) -> tuple[str, str | None]:
    [row] = await world.rows(runs, id=run["id"])
    return row["state"], row["code"]


async def verbs(world: World) -> list[str]:
    return [row["verb"] for row in await world.rows(ledger)]


def refused(code: str) -> Any:
    return pytest.raises(SerenoError, match=code)


def test_a_run_goes_from_request_to_proof_with_every_step_in_the_ledger(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        assert await send(world, run)
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


def test_nothing_is_sent_before_the_signatures_are_enough(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        assert not await send(world, run)
        await sign(world, run, "sam", "approve")
        assert not await send(world, run)
        await sign(world, run, "noa", "request")
        assert await send(world, run)
        assert world.device.count(ExecutePlan) == 1

    play(store, tmp_path, story)


def test_what_the_server_proposes_needs_an_approval_and_no_request(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world, "server")
        with refused("E_REQUESTER_OTHER"):
            await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        assert await send(world, run)

    play(store, tmp_path, story)


@pytest.mark.parametrize(
    ("name", "purpose", "given", "code"),
    [
        ("noa", "approve", {}, "E_APPROVER_IS_REQUESTER"),
        ("kim", "approve", {}, "E_APPROVER_ROLE"),
        ("kim", "request", {}, "E_REQUESTER_OTHER"),
        ("sam", "approve", {"key": "stranger"}, "E_KEY_UNKNOWN"),
        ("sam", "approve", {"key": "sam-session"}, "E_KEY_PURPOSE"),
        ("sam", "approve", {"key": "ada"}, "E_FORBIDDEN"),
        ("sam", "approve", {"namespace": REQUEST_NAMESPACE}, "E_NAMESPACE"),
        ("sam", "nonsense", {}, "E_NAMESPACE"),
        ("sam", "approve", {"text": b"sereno plan v1\n"}, "E_SIGNATURE_INVALID"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signature_that_the_device_would_refuse_is_refused_at_once(  # noqa: PLR0917
    store: Store, tmp_path: Path, name: str, purpose: str, given: dict[str, Any], code: str
) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        with refused(code):
            await sign(world, run, name, purpose, **given)
        assert await world.rows(signatures) == []
        assert "run.sign" not in await verbs(world)

    play(store, tmp_path, story)


def test_nobody_signs_denies_or_requests_in_another_organisation(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        other = Account("acc_x", "sam", "Sam", "approver", "org_other")
        with refused("E_NOT_FOUND"):
            await sign(world, run, "sam", "approve", account=other)
        with refused("E_NOT_FOUND"):
            await deny(world, other, run["id"], "no", clock=world.clock)
        with refused("E_NOT_FOUND"):
            await request_run(world, other, world.device.id, None, "disk.free_space", clock=world.clock)
        assert await state(world, run) == ("planned", None)

    play(store, tmp_path, story)


def test_roles_hold(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        with refused("E_FORBIDDEN"):
            await add_signature(world, world.account("cesar"), run["id"], "approve", "x", clock=world.clock)
        with refused("E_FORBIDDEN"):
            await request_run(world, world.account("cesar"), world.device.id, None, "disk.free_space")
        with refused("E_REQUESTER_UNKNOWN"):
            await request_run(world, world.account("stranger"), world.device.id, None, "disk.free_space")
        await deny(world, world.account("cesar"), run["id"], "not on my machine", clock=world.clock)
        assert (await state(world, run))[0] == "denied"  # saying no is easy

    play(store, tmp_path, story)


def test_signing_twice_counts_once(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        await sign(world, run, "sam", "approve")
        await sign(world, run, "sam", "approve")
        assert len(await world.rows(signatures)) == 1
        assert (await verbs(world)).count("run.sign") == 1

    play(store, tmp_path, story)


def test_a_denied_run_never_runs_and_the_device_forgets_its_plan(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        await deny(world, world.account("sam"), run["id"], "not tonight", clock=world.clock)
        assert world.device.count(DropPlan) == 1
        with refused("E_CONFLICT"):
            await sign(world, run, "sam", "approve")
        with refused("E_CONFLICT"):
            await deny(world, world.account("sam"), run["id"], "again", clock=world.clock)
        await send(world, run)
        assert world.device.executed == []

    play(store, tmp_path, story)


def test_an_expired_plan_is_neither_signed_nor_sent(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        await sign(world, run, "noa", "request")
        world.now += timedelta(seconds=1800)
        with refused("E_PLAN_EXPIRED"):
            await sign(world, run, "sam", "approve")
        assert not await send(world, run)
        async with world.store.transaction(Scope(world.organisation_id)) as tx:
            assert await expire(tx, world.organisation_id, world.now) == 1
            assert await expire(tx, world.organisation_id, world.now) == 0
        assert await state(world, run) == ("expired", "E_PLAN_EXPIRED")

    play(store, tmp_path, story)


def test_a_device_that_is_away_gets_plan_and_order_when_it_is_back(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.online = False
        run_id = await requested(world)
        assert not await make_plan(world, world.organisation_id, run_id, world.clock)
        world.device.online = True
        assert await make_plan(world, world.organisation_id, run_id, world.clock)
        [run] = await world.rows(runs)
        await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        world.device.online = False
        assert not await send(world, run)
        world.device.online = True
        assert await send(world, run)
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
        while not await make_plan(world, world.organisation_id, run_id, world.clock):
            pass
        [run] = await world.rows(runs)
        await sign(world, run, "noa", "request")
        await sign(world, run, "sam", "approve")
        while not await send(world, run):
            pass
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


def test_a_plan_signed_by_another_key_is_shown_to_nobody(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.signer = world.signers["stranger"]
        run_id = await requested(world)
        await make_plan(world, world.organisation_id, run_id, world.clock)
        assert await state(world, {"id": run_id}) == ("refused", "E_PLAN_DEVICE")

    play(store, tmp_path, story)


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


def test_without_a_roster_nobody_signs(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        async with world.store.transaction(Scope.system()) as tx:
            await tx.execute(rosters.delete())
        with refused("E_ROSTER_MISSING"):
            await sign(world, run, "sam", "approve")

    play(store, tmp_path, story)
