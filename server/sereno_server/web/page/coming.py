"""Coming up: everything that will hurt over the whole fleet, the soonest first."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.fleet import Upcoming, upcoming
from sereno_server.reads.running_out import resource_kind
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.horizon import horizon
from sereno_server.web.rendering import page

SHOWN_MAX = 500
WITHIN = {"1d": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7)}


def routes(console: Console) -> APIRouter:
    """GET /coming, with ?within=, ?kind= and ?q= in the address."""
    router = APIRouter()

    @router.get("/coming")
    async def coming_page(
        request: Request,
        account: Annotated[Account, Depends(current_account)],
        within: Annotated[str, Query(max_length=8)] = "",
        kind: Annotated[str, Query(max_length=64)] = "",
        q: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        everything: list[Upcoming] = []
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                everything = await upcoming(tx, frame.now, limit=SHOWN_MAX)
        until = frame.now + WITHIN[within] if within in WITHIN else None
        rows = [row for row in everything if _wanted(row, until, kind, q)]
        kinds = sorted({row.forecast.resource for row in everything})
        asked = {"within": within if within in WITHIN else "", "kind": kind, "q": q}
        return page(
            frame,
            "coming.html",
            here="coming",
            headline=headline(rows, len(everything), frame.now, frame.words),
            horizon=horizon(rows, frame.now, frame.words),
            horizon_address="/coming?" + _query(asked),
            within=asked["within"],
            kind=kind,
            search=q,
            spans=[(key, _query(asked | {"within": key}), _span_name(key, frame.words)) for key in ("", *WITHIN)],
            kinds=[
                ("", _query(asked | {"kind": ""}), frame.words.say("Everything")),
                *((one, _query(asked | {"kind": one}), resource_kind(one, frame.words)) for one in kinds),
            ],
            shown=len(rows),
            total=len(everything),
        )

    return router


def headline(rows: list[Upcoming], total: int, now: datetime, words: Words) -> str:
    """What hurts first, and when."""
    if not total:
        return words.say("Nothing runs out in sight.")
    first = rows[0].forecast.full_at if rows else None
    if first is None:
        return words.say("Nothing that you look for runs out in sight.")
    if first <= now:
        return words.say("{name} hurts already.", name=rows[0].device_name)
    return words.say("{name} hurts first, {relative}.", name=rows[0].device_name, relative=words.relative(first, now))


def _wanted(row: Upcoming, until: datetime | None, kind: str, search: str) -> bool:
    at = row.forecast.full_at
    if until is not None and (at is None or at > until):
        return False
    if kind and row.forecast.resource != kind:
        return False
    said = f"{row.device_name} {row.site or ''} {row.forecast.resource} {row.forecast.object}".casefold()
    return all(word in said for word in search.casefold().split())


def _query(given: dict[str, str]) -> str:
    return urlencode({key: value for key, value in given.items() if value})


def _span_name(key: str, words: Words) -> str:
    named = {"1d": words.say("Within a day"), "3d": words.say("Within 3 days"), "7d": words.say("Within a week")}
    return named.get(key) or words.say("Any time")
