"""The button on a device's page with which work is announced, and the one that ends it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse

from sereno_proto.limits import MAINTENANCE_REASON_CHARS_MAX
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.access.current import current_account
from sereno_server.maintenance import windows
from sereno_server.maintenance.windows import Work
from sereno_server.reads.devices import device_row
from sereno_server.reads.words import Words
from sereno_server.store.engine import Scope
from sereno_server.web.console import Console

MINUTES = (30, 60, 4 * 60, 8 * 60, 24 * 60)


def lengths(words: Words) -> list[tuple[int, str]]:
    """How long it may last, in minutes and in words."""
    return [(minutes, words.span(minutes * 60.0)) for minutes in MINUTES]


def routes(console: Console) -> APIRouter:
    """POST /devices/NAME/maintenance, and its end."""
    router = APIRouter()

    @router.post("/devices/{name}/maintenance")
    async def announce(
        name: str,
        account: Annotated[Account, Depends(current_account)],
        reason: Annotated[str, Form(max_length=MAINTENANCE_REASON_CHARS_MAX)],
        minutes: Annotated[int, Form(ge=1, le=30 * 24 * 60)],
    ) -> RedirectResponse:
        authorise(account, "maintain", Object("device", account.organisation_id, name))
        now = console.clock()
        async with console.app.store.transaction(Scope(account.organisation_id)) as tx:
            row = await device_row(tx, name, now)
            work = Work(row.id, None, now, now + timedelta(minutes=minutes), reason.strip())
            await windows.announce(tx, account.organisation_id, work, by=account.name, now=now)
        return RedirectResponse(f"/devices/{row.name}#work", status_code=303)

    @router.post("/devices/{name}/maintenance/{window}/end")
    async def end(name: str, window: str, account: Annotated[Account, Depends(current_account)]) -> RedirectResponse:
        authorise(account, "maintain", Object("maintenance", account.organisation_id, window))
        async with console.app.store.transaction(Scope(account.organisation_id)) as tx:
            row = await device_row(tx, name, console.clock())
            await windows.end(tx, account.organisation_id, window, by=account.name, now=console.clock())
        return RedirectResponse(f"/devices/{row.name}#work", status_code=303)

    return router
