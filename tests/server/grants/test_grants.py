"""Grants made in advance: drafted, signed, brought to devices as they come back, used there, and taken back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.signing import refused, verbs
from tests.server.world import World, play

from sereno_proto.grants import BOUNDS, NAMESPACES, STANDING, Grant, read_grant
from sereno_proto.ids import sha256
from sereno_proto.plan import read_plan
from sereno_proto.roster import Threshold, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE
from sereno_proto.v1.runs_pb2 import MakePlan, OfferGrant, RevokeGrant, RunEvent, RunState
from sereno_server.access.account import Account
from sereno_server.grants.courier import deliver
from sereno_server.grants.decide import deny_grant, revoke_grant, sign_grant
from sereno_server.grants.draft import Wish, draft_grant
from sereno_server.reads.grants import grant as read_view
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import devices, grant_signatures, grants, rosters, runs

pytestmark = pytest.mark.slow
FREE = {"folder": "app-logs"}
TRIGGER = "disk_space(folder=app-logs).free_percent < 10"


async def asked(world: World, **changes: Any) -> Grant:
    """A wish of noa's, as it waits for signatures. Two approvers without touch are enough for medium risk here."""
    if world.roster.version == 1:
        thresholds = world.roster.thresholds | {"high": Threshold(2)}
        world.roster = replace(world.roster, version=2, thresholds=thresholds)
        text = write_roster(world.roster)
        await world.put(rosters, version=2, roster_text=text, signatures=[], expires_at=world.roster.expires)
    wish = replace(Wish(BOUNDS, "disk.free_space", ["web-1"], parameters=FREE), **changes)
    grant_id = await draft_grant(world, world.account("noa"), wish, clock=world.clock)
    [row] = await world.rows(grants, id=grant_id)
    return read_grant(row["text"])


async def sign(world: World, grant: Grant, name: str, purpose: str, **given: Any) -> str:
    [row] = await world.rows(grants, id=grant.id)
    namespace = given.get("namespace", NAMESPACES[grant.kind].get(purpose, ""))
    armored = world.sign(given.get("key", name), row["text"], namespace)
    return await sign_grant(world, world.account(name), grant.id, purpose, armored, clock=world.clock)


async def active(world: World, **changes: Any) -> Grant:
    grant = await asked(world, **changes)
    assert await sign(world, grant, "noa", "request") == "waiting"
    assert await sign(world, grant, "sam", "approve") == "waiting"
    assert await sign(world, grant, "ada", "approve") == "active"
    return grant


async def view(world: World, grant: Grant) -> Any:
    async with world.store.transaction(Scope(world.organisation_id)) as tx:
        return await read_view(tx, grant.id, world.now)


async def connected(world: World, node: str | None = "n1") -> None:
    world.device.online = node is not None
    await world.change(devices, world.device.id, node=node)


async def round_(world: World) -> None:
    await deliver(world, world.clock)


async def began(world: World, grant: Grant, run_id: str, *, forge: Any = None) -> list[Any]:
    """The device's first word of a run under the grant, with the plan that it made."""
    order = MakePlan(run_id=run_id, playbook=grant.playbook, requester=grant.requester)
    text = world.device.issue(order).plan_text
    plan_id = read_plan(text).id
    event = RunEvent(
        run_id=run_id, plan_id=plan_id, state=RunState.RUN_STATE_STARTED, grant_id=grant.id, plan_text=text, index=1
    )
    if forge is not None:
        forge(event)
    return await world.report(event)


def test_bounds_wait_for_their_device_and_become_a_run_there(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await connected(world, None)
        grant = await active(world)
        await round_(world)
        assert world.device.count(OfferGrant) == 0
        await connected(world)
        await round_(world)
        await round_(world)
        assert world.device.count(OfferGrant) == 1
        offered = next(order for order in world.device.orders if isinstance(order, OfferGrant))
        assert await began(world, grant, offered.run_id) == []
        [run] = await world.rows(runs, id=offered.run_id)
        assert (run["state"], run["grant_id"], run["requester"]) == ("executing", grant.id, "noa")
        assert run["plan_digest"] == sha256(run["plan_text"])
        [place] = (await view(world, grant)).places
        assert (place.state, place.uses) == ("taken", 1)
        assert (await view(world, grant)).state == "used"
        said = await verbs(world)
        assert [verb for verb in said if verb.startswith("grant.")] == [
            *("grant.request", "grant.sign", "grant.sign", "grant.sign", "grant.active")
        ]
        assert "run.granted" in said

    play(store, tmp_path, story)


def test_limits_and_triggers_are_as_wished(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        wishes = {"targets-max": 7, "remove_old_files.files-max": 3}
        grant = await asked(world, kind=STANDING, uses=2, pause_s=600, triggers=[TRIGGER], limits=wishes)
        bounds = {step.action: step.bounds for step in grant.steps if step.action}
        assert {limits["targets-max"] for limits in bounds.values()} == {7}
        assert bounds["remove_old_files"]["files-max"] == 3
        assert bounds["rotate_logs"]["files-max"] != 3
        assert (grant.uses, grant.pause_s, grant.triggers[0].value) == (2, 600, 10)

    play(store, tmp_path, story)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"devices": ["web-9"]}, "E_NOT_FOUND"),
        ({"playbook": "disk.wipe"}, "E_PLAYBOOK_UNKNOWN"),
        ({"parameters": {"path": "/"}}, "E_PARAMETER"),
        ({"limits": {"format_disk.files-max": 1}}, "E_PARAMETER"),
        ({"limits": {"targets-max": 0}}, "E_DOCUMENT"),
        ({"hours": 169.0}, "E_DOCUMENT"),
        ({"ticket_id": "tkt_none"}, "E_NOT_FOUND"),
        ({"kind": "plan"}, "E_PARAMETER"),
        ({"kind": STANDING, "pause_s": 600}, "E_DOCUMENT"),
        ({"kind": STANDING, "pause_s": 600, "triggers": ["always"]}, "E_PARAMETER"),
        ({"kind": STANDING, "triggers": ["disk_space(folder=app-logs).free_pct < 10"]}, "E_PARAMETER"),
        ({"kind": STANDING, "triggers": ["disk_space(path=app-logs).free_percent < 10"]}, "E_PARAMETER"),
        ({"kind": STANDING, "triggers": ["disk_spice(folder=app-logs).free_percent < 10"]}, "E_CHECK_UNKNOWN"),
    ],
)
def test_what_makes_no_sense_is_not_drafted(store: Store, tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    async def story(world: World) -> None:
        with refused(code):
            await asked(world, **changes)
        assert await world.rows(grants) == []

    play(store, tmp_path, story)


def test_signatures_that_devices_would_refuse_are_refused_at_once(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        grant = await asked(world)
        for name, purpose, given, code in (
            ("noa", "approve", {}, "E_APPROVER_IS_REQUESTER"),
            ("kim", "approve", {}, "E_APPROVER_ROLE"),
            ("sam", "request", {}, "E_REQUESTER_OTHER"),
            ("sam", "approve", {"namespace": APPROVE_NAMESPACE}, "E_NAMESPACE"),
            ("sam", "approve", {"key": "stranger"}, "E_KEY_UNKNOWN"),
            ("sam", "approve", {"key": "ada"}, "E_FORBIDDEN"),
        ):
            with refused(code):
                await sign(world, grant, name, purpose, **given)
        assert await world.rows(grant_signatures) == []
        other = Account("acc_x", "sam", "Sam", "approver", "org_other")
        with refused("E_NOT_FOUND"):
            await sign_grant(world, other, grant.id, "approve", "x", clock=world.clock)
        with refused("E_NOT_FOUND"):
            await deny_grant(world, other, grant.id, "", clock=world.clock)
        with refused("E_FORBIDDEN"):
            await draft_grant(world, world.account("cesar"), Wish(BOUNDS, "disk.free_space", ["web-1"]))

    play(store, tmp_path, story)


def test_a_denied_grant_goes_nowhere_and_an_expired_one_is_over(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await connected(world)
        denied = await asked(world)
        await deny_grant(world, world.account("sam"), denied.id, "not this week", clock=world.clock)
        with refused("E_CONFLICT"):
            await sign(world, denied, "ada", "approve")
        late = await active(world)
        world.now += timedelta(days=3)
        await round_(world)
        assert world.device.count(OfferGrant) == 0
        assert [(await view(world, one)).state for one in (denied, late)] == ["denied", "expired"]

    play(store, tmp_path, story)


def test_a_revoked_grant_is_taken_from_devices_as_they_come_back(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await connected(world)
        grant = await active(world, kind=STANDING, uses=2, pause_s=600, triggers=[TRIGGER])
        await round_(world)
        await connected(world, None)
        await revoke_grant(world, world.account("sam"), grant.id, "enough", clock=world.clock)
        assert world.device.count(RevokeGrant) == 0
        await connected(world)
        await round_(world)
        await round_(world)
        assert world.device.count(RevokeGrant) == 1
        assert [place.state for place in (await view(world, grant)).places] == ["revoked"]

    play(store, tmp_path, story)


def test_what_a_device_refuses_is_shown_and_asked_again_later(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await connected(world)
        world.device.faults[OfferGrant] = ["E_OVERLOADED", "E_BOUND"]
        grant = await active(world)
        await round_(world)  # later
        await round_(world)  # no
        await round_(world)  # not asked at once
        [place] = (await view(world, grant)).places
        assert (world.device.count(OfferGrant), place.state, place.code) == (2, "refused", "E_BOUND")
        world.now += timedelta(minutes=11)
        world.device.faults.clear()
        await round_(world)
        assert [place.state for place in (await view(world, grant)).places] == ["taken"]

    play(store, tmp_path, story)


def _other_playbook(event: RunEvent) -> None:
    event.plan_text = event.plan_text.replace(b"disk.free_space", b"disk.other")


FORGERIES: dict[str, tuple[str, Any]] = {
    "of no grant": ("E_NOT_FOUND", lambda event: setattr(event, "grant_id", "grt_none")),
    "of another run": ("E_PLAN_CHANGED", lambda event: setattr(event, "run_id", "run_other")),
    "of another playbook": ("E_PLAN_CHANGED", _other_playbook),
    "no plan": ("E_DOCUMENT", lambda event: setattr(event, "plan_text", b"")),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_device_cannot_tell_of_a_run_that_nobody_granted(store: Store, tmp_path: Path, name: str) -> None:
    async def story(world: World) -> None:
        grant = await active(world)
        code, forge = FORGERIES[name]
        [problem] = await began(world, grant, "run_forged", forge=forge)
        assert problem.code == code
        assert await world.rows(runs) == []

    play(store, tmp_path, story)
