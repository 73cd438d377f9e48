"""The rules: what is plainly wrong, and where."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.rules import RuleRow, rules
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.rendering import page


def routes(console: Console) -> APIRouter:
    """GET /rules."""
    router = APIRouter()

    @router.get("/rules")
    async def rules_page(request: Request, account: Annotated[Account, Depends(current_account)]) -> HTMLResponse:
        rows: list[RuleRow] = []
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                rows = await rules(tx, frame.words)
        return page(frame, "rules.html", here="rules", rows=rows, headline=headline(rows, frame.words))

    return router


def headline(rows: list[RuleRow], words: Words) -> str:
    """On how many devices something is plainly wrong."""
    wrong = {one.device_id for row in rows for one in row.holds if row.severity != "note"}
    if not wrong:
        return words.say("No rule finds anything wrong.")
    return words.say_n(
        "Rules find something wrong on one device.", "Rules find something wrong on {n} devices.", len(wrong)
    )
