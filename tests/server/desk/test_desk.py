"""The desk with a real database and a fake device: from a forecast to a resolved ticket."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.server.filling_disk import (
    BEFORE,
    FAILED,
    STARTED,
    SUCCEEDED,
    approved,
    condition_ends,
    disk_fills,
    kinds,
    one,
    settle,
    stage,
)
from tests.server.world import World, play

from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import ExecutePlan, MakePlan, RunCheck, RunState
from sereno_server.desk import tickets as ticket_rows
from sereno_server.desk.decide import GONE_HOLD_S
from sereno_server.runs.deny import deny
from sereno_server.runs.request import request_run
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import (
    alerts,
    causes,
    findings,
    forecasts,
    ledger,
    runs,
    tickets,
    timeline,
)

pytestmark = pytest.mark.slow


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
        await world.tell(run, STARTED, RunState.RUN_STATE_STEP_STARTED, RunState.RUN_STATE_STEP_DONE, SUCCEEDED)
        said = [row["text"] for row in await world.rows(timeline)]
        assert [text for text in said if text.startswith("Step 1 ")] == ["Step 1 done: as planned"]
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


def test_a_device_in_lockdown_is_not_asked_again(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.faults[MakePlan] = ["E_LOCKDOWN"]
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "checked")
        assert world.device.count(MakePlan) == 1
        assert (await one(world, timeline, kind="refused"))["detail"]["code"] == "E_LOCKDOWN"

    play(store, tmp_path, story)


@pytest.mark.parametrize("code", ["E_POLICY_FORBIDS", "E_VERSION_UNKNOWN"])
def test_what_is_too_wide_for_the_device_is_proposed_once_without_the_rest(
    store: Store, tmp_path: Path, code: str
) -> None:
    async def story(world: World) -> None:
        world.device.faults[MakePlan] = [code]
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "proposed")
        wide, narrow = await world.rows(runs)
        assert (wide["state"], wide["code"]) == ("refused", code)
        actions = [[step.get("action") for step in run["steps"]] for run in (wide, narrow)]
        assert ["restore_file" in steps for steps in actions] == [True, False]

    play(store, tmp_path, story)


def test_a_device_that_forbids_the_core_too_is_not_asked_a_third_time(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.device.faults[MakePlan] = ["E_POLICY_FORBIDS"] * 5
        await disk_fills(world)
        await settle(world)
        assert await stage(world) == ("open", "checked")
        assert world.device.count(MakePlan) == 2

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
