"""The tickets: the list, and one with its six links."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.desk.judge import rate
from sereno_server.reads.apart import apart
from sereno_server.reads.history import history
from sereno_server.reads.resources import ResourceRow
from sereno_server.reads.rosters import newest_roster, threshold_of
from sereno_server.reads.sentences import ticket_sentence
from sereno_server.reads.tickets import TicketCounts, TicketRow, TicketView, rating_of, ticket, tickets
from sereno_server.reads.words import Words
from sereno_server.store import samples
from sereno_server.web import chart, fix, units
from sereno_server.web.approving import link_for
from sereno_server.web.chart_request import Asked
from sereno_server.web.console import NOTHING, Console
from sereno_server.web.rendering import Frame, page

PAGE = 50


def routes(console: Console) -> APIRouter:
    """GET /tickets, /tickets/T-1 and the chart of a ticket's forecast."""
    router = APIRouter()

    @router.get("/tickets")
    async def tickets_page(
        request: Request,
        account: Annotated[Account, Depends(current_account)],
        view: str = "open",
        q: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> HTMLResponse:
        state = cast("Literal['open', 'solved', 'all']", view if view in {"open", "solved", "all"} else "open")
        rows: list[TicketRow] = []
        async with console.reading(request, account) as (tx, frame):
            if tx is not None:
                rows = await tickets(tx, frame.now, state=state, search=q, limit=PAGE + 1, offset=offset)
        counts = frame.counts or NOTHING
        query = {"view": state, **({"q": q} if q else {})}
        return page(
            frame,
            "tickets.html",
            here="tickets",
            headline=_headline(counts, rows if state == "open" else [], frame.now, frame.words),
            rows=rows[:PAGE],
            state=state,
            search=q,
            query=urlencode({**query, **({"offset": offset} if offset else {})}),
            offset=offset,
            previous_page=urlencode({**query, "offset": max(0, offset - PAGE)}) if offset else None,
            next_page=urlencode({**query, "offset": offset + PAGE}) if len(rows) > PAGE else None,
        )

    @router.get("/tickets/{ticket_id}")
    async def ticket_page(
        request: Request, ticket_id: str, account: Annotated[Account, Depends(current_account)]
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            view = await _ticket(tx, ticket_id)
            roster = await newest_roster(tx) if tx is not None else None
            beside = await apart(tx, view.device.id) if tx is not None and view.state == "open" else None
            rated = await rating_of(tx, view.id, account.name) if tx is not None else None
        drawn = _resource(view)
        run = view.run
        threshold = threshold_of(roster, run.risk if run else None, frame.now)
        return page(
            frame,
            "ticket.html",
            rated=rated,
            here="tickets",
            view=view,
            apart=beside,
            amount=lambda series, value: units.amount(series, value, frame.words),
            run=run,
            fix=fix.fix_of(run, threshold, frame.words) if run else None,
            link=link_for(console.app.settings, run, account, frame.now),
            person=roster.person(run.requester) if roster and run else None,
            headline=ticket_sentence(view.brief, view.device.name, view.forecast, frame.now, frame.words),
            drawn=drawn,
            chart_sentence=chart.sentence(drawn, frame.now, frame.words) if drawn else "",
            interval=lambda f: chart.interval(f, frame.words),
            letters=chart.lettered([cause.change for cause in view.causes]),
            steps=link_states(view, frame.now),
            checks_s=sum(f.duration_ms or 0 for f in view.findings) / 1000,
            **_plan_words(frame),
        )

    @router.post("/tickets/{ticket_id}/rating")
    async def rate_ticket(
        ticket_id: str,
        account: Annotated[Account, Depends(current_account)],
        useful: Annotated[Literal["yes", "no"], Form()],
    ) -> RedirectResponse:
        await rate(console.app, account, ticket_id, useful=useful == "yes")
        return RedirectResponse(f"/tickets/{quote(ticket_id, safe='')}", status_code=303)

    @router.get("/tickets/{ticket_id}/chart")
    async def ticket_chart(
        request: Request,
        ticket_id: str,
        account: Annotated[Account, Depends(current_account)],
        asked: Asked,
    ) -> JSONResponse:
        async with console.reading(request, account) as (tx, frame):
            view = await _ticket(tx, ticket_id)
            drawn = _resource(view)
            if tx is None or drawn is None:
                raise BadInput("E_NOT_FOUND", f"ticket {ticket_id} has no forecast")
            window = chart.window(asked.range, drawn.forecast, frame.now, until=view.resolved_at)
            of, level = (account.organisation_id, view.device.id), (drawn.series_id, "gauge")
            known = await history(tx, of, level, window.start, window.end, asked.points, window.now)
            newest = (await samples.latest(tx, *of)).get(drawn.series_id)
        if newest and view.resolved_at is None:
            drawn = replace(drawn, value=newest[1])
        letters = chart.lettered([cause.change for cause in view.causes])
        return JSONResponse(chart.chart(drawn, known, window, changes=letters, now=frame.now, words=frame.words))

    return router


async def _ticket(tx: AsyncConnection | None, ticket_id: str) -> TicketView:
    if tx is None:
        raise BadInput("E_NOT_FOUND", f"no ticket {ticket_id}")
    return await ticket(tx, ticket_id)


def _plan_words(frame: Frame) -> dict[str, Any]:
    words = frame.words
    return {
        "require_words": lambda require: fix.require_words(require, words),
        "bound_words": lambda bounds: fix.bound_words(bounds, words),
    }


def link_states(view: TicketView, now: datetime) -> dict[str, str]:
    """For each of the six links: `done`, `here` (the first that is not done) or `todo`."""
    run = view.run
    state = run.state if run else ""
    signed = state in {"executing", "succeeded", "failed"}
    done = {
        "predicted": True,
        "cause": bool(view.causes),
        "findings": bool(view.findings),
        "fix": bool(run and run.plan_text),
        "approval": signed,
        "proof": state == "succeeded" or view.state != "open",
    }
    if view.state != "open":
        return {name: "done" if is_done else "todo" for name, is_done in done.items()}
    last = max(n for n, is_done in enumerate(done.values()) if is_done)  # a link may have nothing to show, as no cause
    here = "approval" if run is not None and run.waits(now) else [*done, "proof"][last + 1]
    return {name: "here" if name == here else "done" if is_done else "todo" for name, is_done in done.items()}


def _resource(view: TicketView) -> ResourceRow | None:
    forecast = view.forecast
    if forecast is None:
        return None
    return ResourceRow(
        resource=forecast.resource,
        object=forecast.object,
        series_id=forecast.series_id,
        capacity_series_id=0,
        value=forecast.value,
        capacity=forecast.capacity,
        forecast=forecast,
    )


def _headline(counts: TicketCounts, rows: list[TicketRow], now: datetime, words: Words) -> str:
    if not counts.open:
        return words.say("No ticket is open.")
    said = words.say_n("One ticket is open.", "{n} tickets are open.", counts.open)
    first = min((row.full_at for row in rows if row.full_at), default=None)
    if counts.waiting:
        said += " " + words.say_n("One fix waits for a signature.", "{n} fixes wait for a signature.", counts.waiting)
    elif first is not None and first > now:
        said += " " + words.say("The first runs out {relative}.", relative=words.relative(first, now))
    return said
