"""Schedules: the server asks for plans at their times; people sign what comes of it, or do not."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select

from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.api.paging import Page
from sereno_server.api.rollouts import RolloutRequest
from sereno_server.app import App
from sereno_server.rollouts.begin import Wish
from sereno_server.rollouts.choose import Target
from sereno_server.rollouts.schedule import Plan, add_schedule, remove_schedule
from sereno_server.store.tables import schedules


class ScheduleRequest(RolloutRequest):
    """A rollout and its times."""

    cron: str = Field(max_length=120)
    zone: str = Field(default="UTC", max_length=64)
    in_maintenance: bool = False


class ScheduleRow(BaseModel):
    """One schedule."""

    id: str
    playbook: str
    target: dict[str, Any]
    cron: str
    zone: str
    in_maintenance: bool
    made_by: str
    next_at: datetime
    last_at: datetime | None
    last_what: str | None


def router(app: App) -> APIRouter:
    """Routes under /schedules."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/schedules")
    async def list_schedules(account: Asker) -> Page[ScheduleRow]:
        """The schedules, the next first."""
        columns = [schedules.c[name] for name in ScheduleRow.model_fields]
        async with app.store.transaction(allowed(account, "read", "schedules")) as tx:
            found = await tx.execute(select(*columns).order_by(schedules.c.next_at, schedules.c.id))
            return Page(items=[ScheduleRow(**row) for row in found.mappings()])

    @routes.post("/schedules", status_code=201)
    async def add(account: Asker, body: ScheduleRequest, key: Key = "") -> dict[str, Any]:
        """Keeps a schedule."""
        allowed(account, "request_run", "schedules")
        target = Target(body.devices, body.group, body.query)

        async def work() -> dict[str, Any]:
            wish = Wish(body.playbook, target, body.parameters, body.rings, body.failures_max, body.pause_s)
            plan = Plan(wish, body.cron, body.zone, in_maintenance=body.in_maintenance)
            return {"schedule_id": await add_schedule(app, account, plan)}

        return await once(app, account, key, "POST /schedules", body, work)

    @routes.post("/schedules/{schedule}/remove")
    async def remove(account: Asker, schedule: str) -> dict[str, Any]:
        """Forgets a schedule."""
        await remove_schedule(app, account, schedule)
        return {"schedule_id": schedule}

    return routes
