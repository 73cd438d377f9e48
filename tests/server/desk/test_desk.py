"""The desk with a real database and a fake device: from a forecast to a resolved ticket, and through crashes."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.world import START, World, play

from sereno_proto.errors import SerenoError
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE
from sereno_proto.v1.runs_pb2 import ExecutePlan, MakePlan, RunCheck, RunState
from sereno_server.desk import tickets as ticket_rows
from sereno_server.desk.decide import GONE_HOLD_S
from sereno_server.desk.desk import Item, Loop
from sereno_server.desk.suggest import suggest
from sereno_server.desk.work import Desk
from sereno_server.prediction.cause import rank
from sereno_server.runs.deny import deny
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.runs.request import request_run
from sereno_server.runs.sign import add_signature
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import (
    alerts,
    causes,
    changes,
    devices,
    findings,
    forecasts,
    ledger,
    runs,
    tickets,
    timeline,
)

pytestmark = pytest.mark.slow

SETTLE_ROUNDS = 4
BEFORE = "sha256:" + "a" * 64
STARTED, SUCCEEDED, FAILED = (
    RunState.RUN_STATE_STARTED,
    RunState.RUN_STATE_SUCCEEDED,
    RunState.RUN_STATE_FAILED,
)


def loop_of(world: World) -> Loop:
    return Loop(Desk(world, world.clock, suggest, compile_playbook, rank), START - timedelta(days=1))


async def settle(world: World) -> list[Item]:
    """Rounds of the desk until all that can be done now is done; gives what is still open."""
    loop = loop_of(world)
    items: list[Item] = []
    for _ in range(SETTLE_ROUNDS):
        await world.change(devices, world.device.id, last_seen=world.now)
        items = await loop.look()
        for item in items:
            await loop.work(item)
    return items


async def disk_fills(world: World, **fields: Any) -> None:
    """Someone switches rotation off, the folder grows, and the predictor sees where it ends."""
    await world.put(
        changes,
        id="chg_1",
        device_id=world.device.id,
        kind="file",
        object="/srv/app/app.conf",
        name="app-config",
        summary="app.conf: rotate = on -> off",
        diff="-rotate = on\n+rotate = off",
        who="",
        before_digest=BEFORE,
        after_digest="sha256:" + "b" * 64,
        at=START - timedelta(seconds=40),
    )
    given = {
        "id": "fct_1",
        "device_id": world.device.id,
        "series_id": 1,
        "predictor": "exhaustion",
        "resource": "folder",
        "object": "app-logs",
        "state": "open",
        "made_at": START,
        "updated_at": START,
        "full_at": START + timedelta(minutes=2),
        "onset_at": START - timedelta(seconds=35),
        "confidence": 0.9,
        "value": 40e6,
        "capacity": 60e6,
        "growth_per_s": 2e5,
    }
    await world.put(forecasts, **{**given, **fields})


async def one(world: World, table: Any, **equal: Any) -> dict[str, Any]:
    [row] = await world.rows(table, **equal)
    return row


async def stage(world: World) -> tuple[str, str]:
    ticket = await one(world, tickets)
    return ticket["state"], ticket["stage"]


async def kinds(world: World) -> list[str]:
    return [row["kind"] for row in await world.rows(timeline)]


async def approved(world: World) -> dict[str, Any]:
    """Noa asks, and signs; sam approves. Gives the run."""
    ticket = await one(world, tickets)
    run_id = await request_run(
        world, world.account("noa"), world.device.id, ticket["id"], "disk.free_space", clock=world.clock
    )
    await settle(world)
    run = await one(world, runs, id=run_id)
    for name, purpose, namespace in (("noa", "request", REQUEST_NAMESPACE), ("sam", "approve", APPROVE_NAMESPACE)):
        signature = world.sign(name, run["plan_text"], namespace)
        await add_signature(world, world.account(name), run_id, purpose, signature, clock=world.clock)
    await settle(world)
    return run


async def condition_ends(world: World) -> None:
    await world.change(forecasts, "fct_1", state="closed", outcome="prevented", outcome_at=world.now)


def test_a_filling_disk_goes_from_forecast_to_resolved(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "proposed")
        assert (await one(world, causes))["change_id"] == "chg_1"
        assert {row["check"] for row in await world.rows(findings)} == {
            "disk_space",
            "largest_files",
            "recent_changes",
        }
        proposed = await one(world, runs)
        assert (proposed["requester"], proposed["state"]) == ("server", "planned")
        [restore] = [step for step in proposed["steps"] if step.get("action") == "restore_file"]
        assert restore["parameters"] == {"file": "app-config", "digest": BEFORE}

        run = await approved(world)
        assert await stage(world) == ("open", "running")
        assert (await one(world, runs, id=proposed["id"]))["state"] == "superseded"
        await world.tell(run, STARTED, SUCCEEDED)
        await settle(world)
        assert await stage(world) == ("open", "verifying")
        await condition_ends(world)
        await settle(world)
        assert await stage(world) == ("resolved", "resolved")
        assert (await one(world, alerts))["state"] == "resolved"
        told = await kinds(world)
        own = [kind for kind in told if kind not in {"check", "run", "verified"}]  # events carry the database's time
        assert own[:4] == ["forecast", "change", "proposed", "requested"]
        assert own[4:] == ["proposed", "signed", "signed", "alert", "resolved"]
        assert told.count("verified") == 1
        verbs = [row["verb"] for row in await world.rows(ledger)]
        assert verbs.count("ticket.open") == verbs.count("ticket.resolve") == verbs.count("alert.open") == 1
        assert (world.device.count(RunCheck), world.device.count(MakePlan), world.device.count(ExecutePlan)) == (
            3,
            2,
            1,
        )

    play(store, tmp_path, story)


class Killed(BaseException):
    """The server dies here."""


class Dying:
    """A store whose process is killed at the n-th transaction: before its commit, or just after."""

    def __init__(self, store: Store, at: int, *, committed: bool) -> None:
        self._store, self._left, self._committed = store, at, committed

    def transaction(self, scope: Scope) -> Any:
        return self._transaction(scope)

    def _transaction(self, scope: Scope) -> Any:
        import contextlib

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


def test_while_the_device_is_away_the_work_waits(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.online = False
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "predicted")
        world.device.online = True
        await settle(world)
        assert await stage(world) == ("open", "proposed")

    play(store, tmp_path, story)


def test_a_refused_check_is_told_and_the_work_goes_on(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.faults[RunCheck] = ["E_OUTSIDE_POLICY", "E_TIMEOUT"]
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "proposed")
        assert [row["detail"]["code"] for row in await world.rows(timeline, kind="refused")] == [
            "E_OUTSIDE_POLICY",
            "E_TIMEOUT",
        ]

    play(store, tmp_path, story)


@pytest.mark.parametrize("code", ["E_LOCKDOWN", "E_POLICY_FORBIDS"])
def test_a_device_that_says_no_is_not_asked_again(store: Store, tmp_path: Path, code: str) -> None:
    async def story(world: World) -> None:
        world.device.faults[MakePlan] = [code]
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "checked")
        assert world.device.count(MakePlan) == 1
        assert (await one(world, timeline, kind="refused"))["detail"]["code"] == code

    play(store, tmp_path, story)


def test_a_denied_proposal_is_not_made_again(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        run = await one(world, runs)
        await deny(world, world.account("sam"), run["id"], "not tonight", clock=world.clock)
        await settle(world)
        assert len(await world.rows(runs)) == 1
        assert await stage(world) == ("open", "checked")

    play(store, tmp_path, story)


def test_a_proposal_that_nobody_answers_is_made_anew(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        world.now += timedelta(seconds=1800)
        await world.change(forecasts, "fct_1", updated_at=world.now)
        await settle(world)
        assert [row["state"] for row in await world.rows(runs)] == ["expired", "planned"]
        assert await stage(world) == ("open", "proposed")

    play(store, tmp_path, story)


def test_a_failed_run_leaves_the_ticket_to_a_person(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        run = await approved(world)
        await world.tell(run, STARTED, FAILED)
        await settle(world)
        assert await stage(world) == ("open", "checked")
        assert len([row for row in await world.rows(runs) if row["requester"] == "server"]) == 1

    play(store, tmp_path, story)


def test_what_goes_away_by_itself_resolves_after_a_while_and_takes_its_proposal_along(
    store: Store, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        await condition_ends(world)
        await settle(world)
        assert (await stage(world))[0] == "open"
        world.now += timedelta(seconds=GONE_HOLD_S)
        await settle(world)
        assert await stage(world) == ("resolved", "resolved")
        assert (await one(world, runs))["state"] == "superseded"

    play(store, tmp_path, story)


def test_within_the_window_the_same_ticket_opens_again_and_is_worked_anew(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        await condition_ends(world)
        await settle(world)
        world.now += timedelta(seconds=GONE_HOLD_S)
        await settle(world)
        world.now += timedelta(hours=1)
        full_at = world.now + timedelta(hours=2)
        again = {"made_at": world.now, "updated_at": world.now, "full_at": full_at}
        await world.change(forecasts, "fct_1", state="open", outcome=None, **again)
        await settle(world)
        assert (await one(world, tickets))["number"] == 1
        assert await stage(world) == ("open", "proposed")
        assert world.device.count(RunCheck) == 6

    play(store, tmp_path, story)


def test_after_the_window_it_is_another_ticket(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        await condition_ends(world)
        await settle(world)
        world.now += timedelta(seconds=GONE_HOLD_S)
        await settle(world)
        world.now += timedelta(hours=5)
        again = {"made_at": world.now, "updated_at": world.now, "full_at": world.now + timedelta(hours=2)}
        await world.change(forecasts, "fct_1", state="open", outcome=None, **again)
        await settle(world)
        assert [row["number"] for row in await world.rows(tickets)] == [1, 2]

    play(store, tmp_path, story)


def test_a_version_that_is_not_the_newest_changes_nothing(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        ticket = await one(world, tickets)

        async def assign(to: str, version: int) -> int:
            async with world.store.transaction(Scope(world.organisation_id)) as tx:
                values = {"assignee": to}
                return await ticket_rows.change(
                    tx, world.organisation_id, ticket["id"], values, actor=to, verb="ticket.assign", version=version
                )

        assert await assign("noa", ticket["version"]) == ticket["version"] + 1
        with pytest.raises(SerenoError, match="E_CONFLICT"):
            await assign("sam", ticket["version"])
        with pytest.raises(SerenoError, match="E_NOT_FOUND"):
            async with world.store.transaction(Scope("org_other")) as tx:
                await ticket_rows.change(tx, "org_other", ticket["id"], {"assignee": "x"}, version=1)
        assert (await one(world, tickets))["assignee"] == "noa"

    play(store, tmp_path, story)


def test_a_request_is_refused_while_a_run_is_under_way_and_after_the_end(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disk_fills(world)
        await settle(world)
        ticket, noa = await one(world, tickets), world.account("noa")
        run = await approved(world)
        with pytest.raises(SerenoError, match="E_CONFLICT"):
            await request_run(world, noa, world.device.id, ticket["id"], "disk.free_space", clock=world.clock)
        with pytest.raises(SerenoError, match="E_PLAYBOOK_UNKNOWN"):
            await request_run(world, noa, world.device.id, None, "disk.nonsense", clock=world.clock)
        with pytest.raises(SerenoError, match="E_NOT_FOUND"):
            await request_run(world, noa, "dev_other", ticket["id"], "disk.free_space", clock=world.clock)
        await world.tell(run, STARTED, SUCCEEDED)
        await condition_ends(world)
        await settle(world)
        with pytest.raises(SerenoError, match="E_CONFLICT"):
            await request_run(world, noa, world.device.id, ticket["id"], "disk.free_space", clock=world.clock)

    play(store, tmp_path, story)
