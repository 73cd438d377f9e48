"""Who did what: the server's ledger."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.ledger import ledger, ledger_length
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.rendering import page

PAGE = 100


def routes(console: Console) -> APIRouter:
    """GET /ledger, the newest first."""
    router = APIRouter()

    @router.get("/ledger")
    async def ledger_page(
        request: Request,
        account: Annotated[Account, Depends(current_account)],
        q: Annotated[str, Query(max_length=200)] = "",
        before: Annotated[str, Query(max_length=100)] = "",
    ) -> HTMLResponse:
        async with console.reading(request, account, "read_ledger") as (tx, frame):
            total, chained = await ledger_length(tx) if tx is not None else (0, 0)
            found = await ledger(tx, limit=PAGE + 1, before=_cursor(before), search=q) if tx is not None else []
        shown = found[:PAGE]
        last = shown[-1] if len(found) > PAGE else None
        return page(
            frame,
            "ledger.html",
            here="ledger",
            headline=_headline(total, chained, frame.words),
            rows=shown,
            search=q,
            query=urlencode({k: v for k, v in (("q", q), ("before", before)) if v}),
            next_page=urlencode({"q": q, "before": f"{last.at.isoformat()} {last.id}"}) if last else None,
            first_page=f"?{urlencode({'q': q})}" if before else None,
        )

    return router


def _cursor(text: str) -> tuple[datetime, str] | None:
    at, _, row_id = text.partition(" ")
    try:
        return (datetime.fromisoformat(at), row_id) if row_id else None
    except ValueError:
        return None


def _headline(total: int, chained: int, words: Words) -> str:
    if not total:
        return words.say("The ledger is empty.")
    said = words.say_n(
        "One thing was done, and it is written here.", "{n} things were done, and each is written here.", total
    )
    waiting = total - chained
    if not waiting:
        return said
    return f"{said} " + words.say_n(
        "One waits for its place in the chain.", "{n} wait for their place in the chain.", waiting
    )
