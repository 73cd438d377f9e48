"""Who may sign, deny and request, and everybody who tries what is not theirs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.signing import planned, refused, requested, send, sign, state, verbs
from tests.server.world import World, play

from sereno_proto.sshsig import REQUEST_NAMESPACE
from sereno_proto.v1.runs_pb2 import DropPlan, ExecutePlan
from sereno_server.access.account import Account
from sereno_server.runs.deny import deny
from sereno_server.runs.expire import expire
from sereno_server.runs.plan import make_plan
from sereno_server.runs.request import request_run
from sereno_server.runs.sign import add_signature
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import rosters, signatures

pytestmark = pytest.mark.slow


def test_nothing_is_sent_before_the_signatures_are_enough(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        await send(world, run)
        await sign(world, run, "sam", "approve")
        await send(world, run)
        await sign(world, run, "noa", "request")
        await send(world, run)
        assert world.device.count(ExecutePlan) == 1

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
        await send(world, run)
        async with world.store.transaction(Scope(world.organisation_id)) as tx:
            assert await expire(tx, world.organisation_id, world.now) == 1
            assert await expire(tx, world.organisation_id, world.now) == 0
        assert await state(world, run) == ("expired", "E_PLAN_EXPIRED")

    play(store, tmp_path, story)


def test_a_plan_signed_by_another_key_is_shown_to_nobody(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.signer = world.signers["stranger"]
        run_id = await requested(world)
        await make_plan(world, world.organisation_id, run_id, world.clock)
        assert await state(world, {"id": run_id}) == ("refused", "E_PLAN_DEVICE")

    play(store, tmp_path, story)


def test_without_a_roster_nobody_signs(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await planned(world)
        async with world.store.transaction(Scope.system()) as tx:
            await tx.execute(rosters.delete())
        with refused("E_ROSTER_MISSING"):
            await sign(world, run, "sam", "approve")

    play(store, tmp_path, story)
