"""Devices, their changes and what may run on them."""

from typing import Annotated

from fastapi import APIRouter, Query

from sereno_proto import limits
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, Limit, Page, by_offset, read_cursor, write_cursor
from sereno_server.app import App
from sereno_server.reads import devices as device_reads
from sereno_server.reads import fleet as fleet_reads
from sereno_server.reads import inventory as inventory_reads
from sereno_server.reads.rows import ChangeRow

Search = Annotated[str, Query(max_length=200)]


def router(app: App) -> APIRouter:
    """Routes under /devices."""
    routes = APIRouter(prefix="/devices", tags=["devices"])

    @routes.get("")
    async def list_devices(
        account: Asker,
        *,
        limit: Limit = limits.PAGE_ROWS,
        cursor: Cursor = "",
        search: str = "",
        sort: fleet_reads.Sort = "need",
    ) -> Page[fleet_reads.DeviceRow]:
        """Every device, those that need someone first, or the most degraded."""
        offset = read_cursor(cursor, of=int, start=0)
        async with app.store.transaction(allowed(account, "read", "devices")) as tx:
            rows = await fleet_reads.fleet(tx, utc_now(), search=search, sort=sort, limit=limit + 1, offset=offset)
        return by_offset(rows, offset, limit)

    @routes.get("/{device}")
    async def one_device(account: Asker, device: str) -> device_reads.DeviceView:
        """One device by id or name, with forecasts, changes, findings and runs."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            return await device_reads.device(tx, device, utc_now())

    @routes.get("/{device}/changes")
    async def changes(
        account: Asker,
        device: str,
        *,
        limit: Limit = limits.PAGE_ROWS,
        cursor: Cursor = "",
        kind: str = "",
        search: Search = "",
    ) -> Page[ChangeRow]:
        """What changed on it, the newest first; of one kind (`package`, `user`, ...) where it is named."""
        before = read_cursor(cursor, of=str, start="")
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = await device_reads.device_row(tx, device, utc_now())
            rows = await device_reads.changes_of(
                tx, found.id, limit=limit, before=before, kinds=[kind] if kind else [], search=search
            )
        return Page(items=rows, next=write_cursor(rows[-1].id) if len(rows) == limit else "")

    @routes.get("/{device}/inventory")
    async def inventory(account: Asker, device: str, search: Search = "") -> Page[inventory_reads.FactRow]:
        """What it is and has: hardware, system, packages, services, users, network."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = await device_reads.device_row(tx, device, utc_now())
            return Page(items=await inventory_reads.facts_of(tx, found.id, search))

    return routes
