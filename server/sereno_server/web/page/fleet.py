"""The fleet: who needs me now."""

from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.degradation import Degradation, degradation_of_all, organisation_score_sentence, spark
from sereno_server.reads.fleet import DeviceRow, FleetCounts, Sort, Upcoming, fleet, fleet_counts, upcoming
from sereno_server.reads.rows import HEALTH_ORDER, Health
from sereno_server.reads.tickets import TicketCounts
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.horizon import Horizon, horizon
from sereno_server.web.rendering import page

PAGE = 50


def routes(console: Console) -> APIRouter:
    """GET /, with ?view=, ?q=, ?sort= and ?offset= in the address."""
    router = APIRouter()

    @router.get("/")
    async def fleet_page(  # noqa: PLR0917 (what the address may say)
        request: Request,
        account: Annotated[Account, Depends(current_account)],
        view: str = "",
        q: Annotated[str, Query(max_length=200)] = "",
        sort: Annotated[str, Query(max_length=16)] = "",
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> HTMLResponse:
        health = next((h for h in HEALTH_ORDER if h == view), None)
        devices: list[DeviceRow] = []
        everything, found, coming = FleetCounts(), FleetCounts(), list[Upcoming]()
        by: Sort = "degradation" if sort == "degradation" else "need"
        soundness: Degradation | None = None
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                everything = await fleet_counts(tx, frame.now)
                found = await fleet_counts(tx, frame.now, search=q) if q else everything
                devices = await fleet(tx, frame.now, search=q, health=health, sort=by, limit=PAGE, offset=offset)
                soundness = await degradation_of_all(tx, frame.now)
                coming = await upcoming(tx, frame.now)
        words, counts = frame.words, frame.counts
        axis = horizon(coming, frame.now, words)
        total = getattr(found, health) if health else found.total
        query = partial(_query, health, q, by)
        return page(
            frame,
            "fleet.html",
            here="fleet",
            headline=headline(everything, counts, axis, frame.now, words),
            sub=subline(everything, counts, words),
            fleet=everything,
            horizon=axis,
            horizon_address=f"/?{query(offset)}",
            soundness=soundness if everything.total else None,
            soundness_sentence=organisation_score_sentence(soundness, frame.now, words) if soundness else "",
            spark=spark(soundness.days, frame.now.date()) if soundness else "",
            sort=by,
            sorted_by_need=_query(health, q, "need", 0),
            sorted_by_degradation=_query(health, q, "degradation", 0),
            devices=devices,
            views=_views(found, words),
            view=health or "",
            search=q,
            query=query(offset),
            offset=offset,
            shown_total=total,
            previous_page=query(max(0, offset - PAGE)) if offset else None,
            next_page=query(offset + PAGE) if offset + PAGE < total else None,
        )

    return router


def headline(counts: FleetCounts, tickets: TicketCounts | None, axis: Horizon, now: datetime, words: Words) -> str:
    """The answer: how many machines need someone, and by when."""
    if not counts.total:
        return words.say("No machine has joined yet.")
    waiting = tickets.waiting if tickets else 0
    return f"{words.clock(now)}. {_need(counts, waiting, axis, words)}"


def _need(counts: FleetCounts, waiting: int, axis: Horizon, words: Words) -> str:
    say_n = words.say_n
    first = len({mark.row.forecast.device_id for mark in axis.first if mark.row.health == "soon"})
    if counts.failing:
        return say_n("One machine is failing now.", "{n} machines are failing now.", counts.failing)
    if first and axis.is_night:
        return say_n("One machine needs someone before morning.", "{n} machines need someone before morning.", first)
    if first:
        return say_n("One machine needs someone before tonight.", "{n} machines need someone before tonight.", first)
    if counts.soon:
        return say_n("One machine needs someone soon.", "{n} machines need someone soon.", counts.soon)
    if waiting:
        return say_n("One decision is wanted.", "{n} decisions are wanted.", waiting)
    return words.say("Nobody needs you before morning.") if axis.is_night else words.say("Nobody needs you now.")


def subline(counts: FleetCounts, tickets: TicketCounts | None, words: Words) -> str:
    """What waits for a person, and whether anything is out of sight."""
    if not counts.total:
        return words.say("It takes two commands and a minute.")
    said: list[str] = []
    if tickets and tickets.waiting:
        said.append(words.say_n("One fix waits for a signature.", "{n} fixes wait for a signature.", tickets.waiting))
    if counts.silent:
        said.append(words.say_n("One machine is silent.", "{n} machines are silent.", counts.silent))
    if not said:
        said.append(words.say("Every machine reports, and nothing waits for a signature."))
    return " ".join(said)


def _views(counts: FleetCounts, words: Words) -> list[tuple[str, str, int]]:
    labels: dict[Health, str] = {
        "failing": words.say("Failing"),
        "soon": words.say("Soon"),
        "watch": words.say("Watch"),
        "silent": words.say("Silent"),
        "well": words.say("Well"),
    }
    return [("", words.say("All"), counts.total), *((h, labels[h], getattr(counts, h)) for h in HEALTH_ORDER)]


def _query(health: str | None, search: str, sort: Sort, offset: int) -> str:
    by = sort if sort != "need" else ""
    given = {"view": health or "", "q": search, "sort": by, "offset": str(offset) if offset else ""}
    return urlencode({key: value for key, value in given.items() if value})
