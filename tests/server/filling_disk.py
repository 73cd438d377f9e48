"""The story of a filling disk, as the tests of the desk tell it."""

from datetime import timedelta
from typing import Any

from tests.server.world import START, World

from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE
from sereno_proto.v1.runs_pb2 import RunState
from sereno_server.desk.desk import Item, Loop
from sereno_server.desk.suggest import suggest
from sereno_server.desk.work import Desk
from sereno_server.prediction.cause import rank
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.runs.request import request_run
from sereno_server.runs.sign import add_signature
from sereno_server.store.tables import (
    changes,
    devices,
    forecasts,
    runs,
    tickets,
    timeline,
)

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
