"""Undoing afterwards: a new plan of the opposite steps, or the name of the action that has none."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.proto.test_plan import PLAN
from tests.server.signing import refused, signed
from tests.server.world import World, play

from sereno_proto.ids import sha256
from sereno_proto.plan import write_plan
from sereno_proto.planned_step import PlannedStep, Subject, Target
from sereno_server.runs.undo import can_be_undone, opposite, request_undo
from sereno_server.store.engine import Store
from sereno_server.store.tables import runs

CODE = sha256(b"code")
WEB = {"service": "web"}
BEFORE, AFTER = sha256(b"before"), sha256(b"after")


def plan(*steps: PlannedStep) -> bytes:
    return write_plan(replace(PLAN, steps=steps, risk="medium"))


def step(action: str, parameters: dict[str, str], **fields) -> PlannedStep:
    return PlannedStep(f"do {action}", parameters, action, code=CODE, risk="medium", **fields)


def test_the_opposite_goes_backwards_and_a_file_goes_back_to_its_version():
    change = step("restore_file", {"file": "conf", "digest": AFTER}, targets=(Target("/etc/conf", 7, BEFORE, AFTER),))
    found = opposite(plan(step("unmask_service", WEB), step("start_service", WEB), change))
    assert [(one.action, dict(one.parameters)) for one in found] == [
        ("restore_file", {"file": "conf", "digest": BEFORE}),
        ("stop_service", WEB),
        ("mask_service", WEB),
    ]


def test_a_package_goes_back_to_the_version_before():
    both = (
        Subject("package", "libssl3", "3.0.14-1", "3.0.15-1"),
        Subject("package", "openssl", "3.0.14-1", "3.0.15-1"),
    )
    [found] = opposite(plan(step("upgrade_package", {"package": "openssl"}, subjects=both)))
    assert (found.action, dict(found.parameters)) == ("rollback_package", {"package": "openssl", "version": "3.0.14-1"})


def test_what_has_no_opposite_is_named():
    assert not can_be_undone(None)
    assert not can_be_undone(plan(step("start_service", WEB), step("rotate_logs", {"folder": "logs"})))
    with refused("E_CONFLICT"):
        opposite(plan(PlannedStep("look", {}, check="memory_pressure")))


@pytest.mark.slow
def test_it_is_a_new_run_that_waits_for_its_plan(store: Store, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        run = await signed(world)
        with refused("E_CONFLICT"):
            await request_undo(world, world.account("noa"), run["id"], clock=world.clock)
        await world.change(runs, run["id"], state="succeeded", plan_text=plan(step("start_service", WEB)))
        made = await request_undo(world, world.account("noa"), run["id"], clock=world.clock)
        [new] = await world.rows(runs, id=made)
        assert (new["state"], new["playbook"], new["requester"]) == ("planning", f"undo.{run['playbook']}", "noa")
        assert [one["action"] for one in new["steps"]] == ["stop_service"]
        with refused("E_FORBIDDEN"):
            await request_undo(world, world.account("cesar"), run["id"], clock=world.clock)

    play(store, tmp_path, story)
