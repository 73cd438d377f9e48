"""What a machine is and has, and which machines of the fleet have what."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.devices import device_row
from sereno_server.reads.inventory import Answer, ask, fact_kinds, facts_of, told_at
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.kinds import kind_name
from sereno_server.web.rendering import page

SHOWN_MAX = 1000
EXAMPLES = ("openssl < 3.0.15", "system.os = Debian*", "port.tcp/22", "lib*ssl*")


def routes(console: Console) -> APIRouter:
    """GET /devices/NAME/inventory and /inventory, with what is asked in the address."""
    router = APIRouter()

    @router.get("/devices/{name}/inventory")
    async def device_inventory_page(
        request: Request,
        name: str,
        account: Annotated[Account, Depends(current_account)],
        kind: Annotated[str, Query(max_length=40)] = "",
        q: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            row = await device_row(tx, name, frame.now)
            kinds = await fact_kinds(tx, row.id)
            found = await facts_of(tx, row.id, q, kind)
            told = await told_at(tx, row.id)
            system = {fact.name: fact.value for fact in await facts_of(tx, row.id, kind="system")}
        words = frame.words
        here = f"/devices/{row.name}/inventory"
        return page(
            frame,
            "device_inventory.html",
            here="fleet",
            tab="inventory",
            device=row,
            headline=_device_headline(row.name, system.get("os", ""), kinds.get("package", 0), words),
            facts=found[:SHOWN_MAX],
            more=max(0, len(found) - SHOWN_MAX),
            kinds=kinds,
            kind=kind,
            total=sum(kinds.values()),
            search=q,
            told_at=told,
            link=lambda wanted: f"{here}?{urlencode({'kind': wanted, 'q': q})}" if wanted or q else here,
            kind_name=lambda of: kind_name(of, words),
        )

    @router.get("/inventory")
    async def inventory_page(
        request: Request,
        account: Annotated[Account, Depends(current_account)],
        q: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        answer = Answer((), 0, 0, 0)
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                answer = await ask(tx, q)
        words = frame.words
        return page(
            frame,
            "inventory.html",
            here="inventory",
            headline=_headline(answer, q.strip(), words),
            answer=answer,
            search=q,
            examples=EXAMPLES,
            kind_name=lambda of: kind_name(of, words),
        )

    return router


def _device_headline(name: str, system: str, packages: int, words: Words) -> str:
    if not system:
        return words.say("{name} has not told what it is.", name=name)
    if not packages:
        return words.say("{name} is {system}.", name=name, system=system)
    return words.say_n(
        "{name} is {system} with one package.",
        "{name} is {system} with {n} packages.",
        packages,
        name=name,
        system=system,
    )


def _headline(answer: Answer, question: str, words: Words) -> str:
    if not question:
        return words.say_n("One machine has told what it has.", "{n} machines have told what they have.", answer.of)
    if not answer.devices:
        return words.say("No machine has {question}.", question=question)
    return words.say_n(
        "One machine has {question}.", "{n} machines have {question}.", answer.devices, question=question
    )
