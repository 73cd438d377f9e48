"""The steps of a run, as the tests of runs tell them."""

from typing import Any

import pytest
from tests.server.world import World

from sereno_proto.errors import SerenoError
from sereno_proto.sshsig import APPROVE_NAMESPACE, PLAN_NAMESPACE, REQUEST_NAMESPACE
from sereno_proto.v1.runs_pb2 import RunState, Step
from sereno_server.runs.execute import execute
from sereno_server.runs.plan import make_plan
from sereno_server.runs.request import insert_run
from sereno_server.runs.sign import add_signature
from sereno_server.store.engine import Scope
from sereno_server.store.tables import ledger, runs

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


async def send(world: World, run: dict[str, Any]) -> None:
    await execute(world, world.organisation_id, run["id"], world.clock)


async def state(world: World, run: dict[str, Any]) -> tuple[str, str | None]:
    [row] = await world.rows(runs, id=run["id"])
    return row["state"], row["code"]


async def verbs(world: World) -> list[str]:
    return [row["verb"] for row in await world.rows(ledger)]


def refused(code: str) -> Any:
    return pytest.raises(SerenoError, match=code)
