"""Maintenance windows, and where devices stand: what keeps expected trouble quiet."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from sereno_proto.errors import BadInput
from sereno_proto.limits import MAINTENANCE_REASON_CHARS_MAX
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.api.paging import Page
from sereno_server.app import App
from sereno_server.maintenance import place, windows
from sereno_server.maintenance.windows import Window, Work
from sereno_server.reads.devices import device_row

Name = Annotated[str, Field(max_length=200)]


class WindowBody(BaseModel):
    """Announced work: on a device (name or id), on a site, or with neither on everything. starts: now when left out."""

    device: Name = ""
    site: Name = ""
    starts: AwareDatetime | None = None
    ends: AwareDatetime
    reason: str = Field(max_length=MAINTENANCE_REASON_CHARS_MAX)


class PlaceBody(BaseModel):
    """Where a device stands. parent: the device that it is reached through, by name or id; "" = none."""

    site: Name = ""
    parent: Name = ""


def router(app: App) -> APIRouter:
    """Routes under /maintenance, and /devices/{device}/place."""
    routes = APIRouter(tags=["maintenance"])

    @routes.get("/maintenance")
    async def list_windows(account: Asker) -> Page[Window]:
        """The windows that are on or still to come."""
        async with app.store.transaction(allowed(account, "read", "maintenance")) as tx:
            return Page(items=await windows.coming(tx, utc_now()))

    @routes.post("/maintenance", status_code=201)
    async def announce(account: Asker, body: WindowBody, key: Key = "") -> dict[str, Any]:
        """Announces work: no new alert of what it covers while it is on."""
        scope = allowed(account, "maintain", "maintenance")
        if body.device and body.site:
            raise BadInput("E_BAD_REQUEST", "name a device or a site, not both", "announce one window for each")

        async def work() -> dict[str, Any]:
            now = utc_now()
            async with app.store.transaction(scope) as tx:
                device_id = (await device_row(tx, body.device, now)).id if body.device else None
                announced = Work(device_id, body.site or None, body.starts or now, body.ends, body.reason)
                made = await windows.announce(tx, scope.organisation_id, announced, by=account.name, now=now)
            return {"id": made}

        return await once(app, account, key, "POST /maintenance", body, work)

    @routes.post("/maintenance/{window}/end")
    async def end(account: Asker, window: str) -> dict[str, Any]:
        """Ends it now."""
        scope = allowed(account, "maintain", "maintenance", window)
        async with app.store.transaction(scope) as tx:
            await windows.end(tx, scope.organisation_id, window, by=account.name, now=utc_now())
        return {"id": window}

    @routes.put("/devices/{device}/place")
    async def stand(account: Asker, device: str, body: PlaceBody) -> PlaceBody:
        """Says where it stands. While its parent is silent, nothing new alerts of it."""
        scope = allowed(account, "maintain", "device", device)
        async with app.store.transaction(scope) as tx:
            row = await device_row(tx, device, utc_now())
            parent = (await device_row(tx, body.parent, utc_now())).id if body.parent else None
            await place.put(
                tx, scope.organisation_id, row.id, site=body.site or None, parent_id=parent, by=account.name
            )
        return body

    return routes
