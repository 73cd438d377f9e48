"""The scoreboard: can its warnings be trusted."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse

from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.desk.judge import end_mute
from sereno_server.reads.calibration import ConfidenceBin, LeadBin
from sereno_server.reads.running_out import resource_kind
from sereno_server.reads.scoreboard import Scoreboard, scoreboard
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.rendering import page

DAYS = 30
TOLD_FOR_SHARE = 20  # of fewer, a share of a hundred would claim too much


def routes(console: Console) -> APIRouter:
    """GET /scoreboard, the last 30 days, and the end of a mute."""
    router = APIRouter()

    @router.get("/scoreboard")
    async def scoreboard_page(request: Request, account: Annotated[Account, Depends(current_account)]) -> HTMLResponse:
        board: Scoreboard | None = None
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                board = await scoreboard(tx, frame.now - timedelta(days=DAYS))
        return page(
            frame,
            "scoreboard.html",
            here="scoreboard",
            board=board,
            headline=headline(board, frame.words),
            kind=lambda resource: resource_kind(resource, frame.words),
            days=DAYS,
            most=max((one.hits for one in board.leads), default=0) if board else 0,
            lead_label=lambda one: lead_label(one, frame.words),
            dots=calibration_dots(board.calibration) if board else (),
        )

    @router.post("/scoreboard/mutes/{mute_id}/end")
    async def end_this_mute(mute_id: str, account: Annotated[Account, Depends(current_account)]) -> RedirectResponse:
        await end_mute(console.app, account, mute_id)
        return RedirectResponse("/scoreboard#muted", status_code=303)

    return router


def lead_label(one: LeadBin, words: Words) -> str:
    """`1 h to 4 h`, `7 d or more`."""
    if one.to_s is None:
        return words.say("{span} or more", span=words.span(one.from_s))
    if not one.from_s:
        return words.say("less than {span}", span=words.span(one.to_s))
    return words.say("{low} to {high}", low=words.span(one.from_s), high=words.span(one.to_s))


def calibration_dots(found: Sequence[ConfidenceBin]) -> list[tuple[float, float, float, ConfidenceBin]]:
    """Place and radius of each bin in a square of 100: right = said surer, up = came true more often."""
    most = max((one.told for one in found), default=1)
    return [
        (
            round(100 * one.said, 1),
            round(100 - 100 * one.came_true, 1),
            round(2 + 3 * math.sqrt(one.told / most), 1),
            one,
        )
        for one in found
    ]


def headline(board: Scoreboard | None, words: Words) -> str:
    """Of 100 warnings, so many came true, half of them so early."""
    if board is None or not (board.total.told or board.total.prevented or board.total.withdrawn):
        return words.say("No warning has been scored yet.")
    total = board.total
    if total.came_true is None:
        return words.say_n(
            "One warning was acted on before it could come true.",
            "{n} warnings were acted on before they could come true.",
            total.prevented,
        )
    if total.told < TOLD_FOR_SHARE:
        said = words.say_n(
            "{hit} of {n} warning came true", "{hit} of {n} warnings came true", total.told, hit=total.hit
        )
    else:
        said = words.say("Of 100 warnings, {n} came true", n=round(100 * total.came_true))
    if total.lead_median_s is None:
        return f"{said}."
    return f"{said}, " + words.say("half of them {span} ahead or more.", span=words.span(total.lead_median_s))
