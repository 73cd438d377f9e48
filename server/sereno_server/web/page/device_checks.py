"""Running a check on one device by hand: which there are, what each reads, and what it found just now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_diagnostics import registry
from sereno_diagnostics.parameters import NAMED
from sereno_playbooks import catalogue
from sereno_proto.errors import BadInput, SerenoError
from sereno_server.access.account import Account
from sereno_server.access.authorise import VERBS
from sereno_server.access.current import current_account
from sereno_server.api.checks import plain
from sereno_server.reads import tickets as ticket_reads
from sereno_server.reads.devices import device_row, status_of
from sereno_server.runs.check import Asked, offered, run_check
from sereno_server.web.console import Console
from sereno_server.web.rendering import page

_FIELD = "with-"  # before a parameter's name in the form
Check = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True)
class Answered:
    """What came of the check that was just run."""

    findings: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    truncated: bool = False
    refusal: SerenoError | None = None


@dataclass(frozen=True)
class Shown:
    """What the page shows: a check of a device, perhaps for a ticket, and what came of it."""

    device: str
    check: str = ""
    ticket: str = ""  # its label
    given: Mapping[str, str] = field(default_factory=dict)
    answered: Answered | None = None


def routes(console: Console) -> APIRouter:
    """GET and POST /devices/NAME/checks, with the check in the address; GET /catalogue."""
    router = APIRouter()
    reader = Annotated[Account, Depends(current_account)]

    @router.get("/devices/{name}/checks")
    async def checks_page(
        request: Request, name: str, account: reader, check: Check = "", ticket: Check = ""
    ) -> HTMLResponse:
        return await _page(console, request, account, Shown(name, check, ticket))

    @router.post("/devices/{name}/checks")
    async def run(request: Request, name: str, account: reader, check: Check, ticket: Check = "") -> HTMLResponse:
        form = await request.form(max_fields=32, max_files=0)
        given = {key.removeprefix(_FIELD): str(value) for key, value in form.items() if key.startswith(_FIELD)}
        given = {key: value for key, value in given.items() if value}
        async with console.reading(request, account, "run_check") as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            row = await device_row(tx, name, frame.now)
            ticket_id = (await ticket_reads.ticket(tx, ticket)).id if ticket else None
        try:
            result = await run_check(console.app, account, Asked(row.id, check, given, ticket_id), clock=console.clock)
        except SerenoError as error:
            answered = Answered(refusal=error)
        else:
            told = plain(result)
            answered = Answered(tuple(told["findings"]), told["duration_ms"] / 1000, told["truncated"])
        return await _page(console, request, account, Shown(name, check, ticket, given, answered))

    @router.get("/catalogue")
    async def catalogue_page(request: Request, account: reader) -> HTMLResponse:
        async with console.reading(request, account) as (_, frame):
            found = catalogue.gather()
        headline = frame.words.say(
            "Sereno can look at a machine in {checks} ways and change it in {actions}.",
            checks=len(found["checks"]),
            actions=len(found["actions"]),
        )
        return page(frame, "catalogue.html", here="", headline=headline, found=found)

    return router


async def _page(console: Console, request: Request, account: Account, shown: Shown) -> HTMLResponse:
    name, check = shown.device, shown.check
    if check and check not in registry.names():
        raise BadInput("E_CHECK_UNKNOWN", f"no check is called {check}")
    async with console.reading(request, account) as (tx, frame):
        if tx is None:
            raise BadInput("E_NOT_FOUND", f"no device {name}")
        row = await device_row(tx, name, frame.now)
        names = list((await status_of(tx, row.id)).get("names", ()))
    of_ticket = {"ticket": shown.ticket} if shown.ticket else {}
    rows = [{**one, "lacks": _lacks(one, names)} for one in catalogue.gather()["checks"]]
    return page(
        frame,
        "device_checks.html",
        here="fleet",
        tab="checks",
        device=row,
        headline=frame.words.say(
            "{n} checks can be run on {name} now.", n=sum(not one["lacks"] for one in rows), name=row.name
        ),
        rows=rows,
        chosen=next((one for one in rows if one["name"] == check), None),
        offered=offered(check, names) if check else {},
        given=shown.given,
        field=_FIELD,
        answered=shown.answered,
        ticket=shown.ticket,
        link=lambda wanted: f"/devices/{row.name}/checks?{urlencode({'check': wanted, **of_ticket})}",
        may_run=account.role in VERBS["run_check"],
    )


def _lacks(check: dict[str, Any], names: list[str]) -> str:
    """The kind of name that the check needs and the device's policy has none of; empty when nothing is in the way."""
    told = {name.partition(" ")[0] for name in names}
    needed = [one["kind"] for one in check["parameters"] if one["kind"] in NAMED and not one["optional"]]
    return next((kind for kind in needed if kind not in told), "")
