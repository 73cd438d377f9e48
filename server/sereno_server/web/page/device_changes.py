"""What changed on one device: a timeline with its diffs, by kind."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.devices import change_kinds, changes_of, device_row
from sereno_server.reads.tickets import causes_of
from sereno_server.web.console import Console
from sereno_server.web.kinds import kind_name
from sereno_server.web.rendering import page

PAGE = 50


def routes(console: Console) -> APIRouter:
    """GET /devices/NAME/changes, with ?kind=, ?q= and ?before= in the address."""
    router = APIRouter()

    @router.get("/devices/{name}/changes")
    async def changes_page(
        request: Request,
        name: str,
        account: Annotated[Account, Depends(current_account)],
        *,
        kind: Annotated[str, Query(max_length=40)] = "",
        q: Annotated[str, Query(max_length=200)] = "",
        before: Annotated[str, Query(max_length=80)] = "",
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            row = await device_row(tx, name, frame.now)
            kinds = await change_kinds(tx, row.id)
            found = await changes_of(tx, row.id, limit=PAGE + 1, before=before, kinds=[kind] if kind else [], search=q)
            causes = await causes_of(tx, row.ticket.id) if row.ticket else ()
        words = frame.words
        total = sum(kinds.values())
        here = f"/devices/{row.name}/changes"
        query = {"kind": kind, "q": q}
        newest = found[0] if found and not (kind or q or before) else None
        headline = words.say("{name}: nothing has changed since it joined.", name=row.name)
        if newest is not None:
            headline = words.say(
                "{name}: the last change was {when}.", name=row.name, when=words.relative(newest.at, frame.now)
            )
        elif total:
            headline = words.say_n(
                "{name}: one change is known.", "{name}: {n} changes are known.", total, name=row.name
            )
        return page(
            frame,
            "device_changes.html",
            here="fleet",
            tab="changes",
            device=row,
            headline=headline,
            address=_address(here, **query, before=before),
            changes=found[:PAGE],
            kinds=kinds,
            kind=kind,
            total=total,
            search=q,
            causes={cause.change.id: cause for cause in causes},
            link=lambda wanted: _address(here, kind=wanted, q=q),
            older=_address(here, **query, before=found[PAGE - 1].id) if len(found) > PAGE else "",
            kind_name=lambda of: kind_name(of, words),
        )

    return router


def _address(path: str, **query: str) -> str:
    given = urlencode({key: value for key, value in query.items() if value})
    return f"{path}?{given}" if given else path
