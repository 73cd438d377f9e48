"""Rollouts: one playbook on many devices, in rings. Their plans are read and signed like any other (api/runs.py)."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto.limits import PAGE_ROWS, ROLLOUT_DEVICES_MAX, ROLLOUT_PAUSE_S_MAX, ROLLOUT_RINGS_MAX, TEXT_CHARS_MAX
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.api.paging import Limit, Page
from sereno_server.app import App
from sereno_server.reads import rollouts as reads
from sereno_server.reads.rollouts import RolloutView
from sereno_server.rollouts.begin import PAUSE_S, Wish, begin_rollout
from sereno_server.rollouts.cancel import cancel_rollout
from sereno_server.rollouts.choose import Target


class RolloutRequest(BaseModel):
    """Which playbook, and one of: devices, a group (site), a question to the inventories."""

    playbook: str = Field(max_length=128)
    parameters: dict[str, str] = Field(default_factory=dict, max_length=64)
    devices: list[str] = Field(default_factory=list, max_length=ROLLOUT_DEVICES_MAX)
    group: str = Field(default="", max_length=200)
    query: str = Field(default="", max_length=500)
    rings: list[int] = Field(default_factory=lambda: [1], max_length=ROLLOUT_RINGS_MAX - 1)
    failures_max: int = Field(default=0, ge=0, le=ROLLOUT_DEVICES_MAX)
    pause_s: int = Field(default=PAUSE_S, ge=0, le=ROLLOUT_PAUSE_S_MAX)


class Reason(BaseModel):
    """Why."""

    reason: str = Field(default="", max_length=TEXT_CHARS_MAX)


def router(app: App) -> APIRouter:
    """Routes under /rollouts."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/rollouts")
    async def list_rollouts(account: Asker, limit: Limit = PAGE_ROWS) -> Page[RolloutView]:
        """The newest rollouts with their runs."""
        async with app.store.transaction(allowed(account, "read", "rollouts")) as tx:
            return Page(items=await reads.rollouts_of(tx, limit=limit))

    @routes.get("/rollouts/{rollout}")
    async def one_rollout(account: Asker, rollout: str) -> RolloutView:
        """One rollout."""
        async with app.store.transaction(allowed(account, "read", "rollout", rollout)) as tx:
            return await reads.rollout(tx, rollout)

    @routes.post("/rollouts", status_code=202)
    async def begin(account: Asker, body: RolloutRequest, key: Key = "") -> dict[str, Any]:
        """Asks every device that is there for a plan; tells which are not."""
        allowed(account, "request_run", "rollouts")
        target = Target(body.devices, body.group, body.query)

        async def work() -> dict[str, Any]:
            wish = Wish(body.playbook, target, body.parameters, body.rings, body.failures_max, body.pause_s)
            begun = await begin_rollout(app, account, wish)
            return {"rollout_id": begun.rollout_id, "runs": begun.runs, "offline": list(begun.offline)}

        return await once(app, account, key, "POST /rollouts", body, work)

    @routes.post("/rollouts/{rollout}/cancel")
    async def end(account: Asker, rollout: str, body: Reason, key: Key = "") -> dict[str, Any]:
        """Ends a rollout: what waits is denied, what goes on is cancelled on its device."""
        allowed(account, "deny", "rollout", rollout)

        async def work() -> dict[str, Any]:
            await cancel_rollout(app, account, rollout, body.reason)
            return {"rollout_id": rollout, "state": "cancelled"}

        return await once(app, account, key, f"POST /rollouts/{rollout}/cancel", body, work)

    return routes
