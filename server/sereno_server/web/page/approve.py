"""Shall this run, on this machine, now? The page shows the device's own text; the signature is made elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.approve_site.link import enrol_link
from sereno_server.reads.rosters import newest_roster, threshold_of
from sereno_server.reads.runs import run, waiting
from sereno_server.reads.tickets import ticket
from sereno_server.reads.told import notices_of
from sereno_server.runs.cancel import cancel
from sereno_server.runs.deny import deny
from sereno_server.runs.undo import can_be_undone, request_undo
from sereno_server.web import chart, fix
from sereno_server.web.approving import link_for
from sereno_server.web.console import Console
from sereno_server.web.rendering import page


def routes(console: Console) -> APIRouter:
    """GET /approvals, GET /approve/RUN, and POST /approve/RUN/deny: saying no needs no key."""
    router = APIRouter()

    @router.get("/approvals")
    async def approvals_page(request: Request, account: Annotated[Account, Depends(current_account)]) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            runs = await waiting(tx, frame.now) if tx is not None else []
        words = frame.words
        headline = words.say("Nothing waits for a signature.")
        if runs:
            headline = words.say_n("One fix waits for a signature.", "{n} fixes wait for a signature.", len(runs))
        return page(
            frame,
            "approvals.html",
            here="approvals",
            headline=headline,
            runs=runs,
            enrol=enrol_link(console.app.settings.approve_url, account.organisation_id, account.name),
            title_of=lambda r: fix.playbook_title(r.playbook, words),
        )

    @router.get("/approve/{run_id}")
    async def approve_page(
        request: Request, run_id: str, account: Annotated[Account, Depends(current_account)]
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no run {run_id}")
            view = await run(tx, run_id)
            roster = await newest_roster(tx)
            case = await ticket(tx, view.ticket.id) if view.ticket else None
            notices = await notices_of(tx, view.id)
        words = frame.words
        threshold = threshold_of(roster, view.risk, frame.now)
        forecast = case.forecast if case else None
        return page(
            frame,
            "approve.html",
            here="approvals",
            run=view,
            undoes=view.state == "succeeded" and can_be_undone(view.plan_text),
            fix=fix.fix_of(view, threshold, words),
            waits=view.waits(frame.now),
            person=roster.person(view.requester) if roster else None,
            roster=roster,
            case=case,
            notices=notices,
            forecast=forecast,
            interval=chart.interval(forecast, words),
            command=f"sereno approve {view.id}",
            require_words=lambda require: fix.require_words(require, words),
            bound_words=lambda bounds: fix.bound_words(bounds, words),
            own=account.name == view.requester,
            link=link_for(console.app.settings, view, account, frame.now),
        )

    @router.post("/approve/{run_id}/deny")
    async def deny_run(
        run_id: str,
        account: Annotated[Account, Depends(current_account)],
        reason: Annotated[str, Form(max_length=200)] = "",
        words: Annotated[str, Form(max_length=500)] = "",
    ) -> RedirectResponse:
        await deny(console.app, account, run_id, ": ".join(part for part in (reason, words.strip()) if part))
        return RedirectResponse(f"/approve/{run_id}", status_code=303)

    @router.post("/approve/{run_id}/undo")
    async def undo_run(run_id: str, account: Annotated[Account, Depends(current_account)]) -> RedirectResponse:
        made = await request_undo(console.app, account, run_id)
        return RedirectResponse(f"/approve/{made}", status_code=303)

    @router.post("/approve/{run_id}/cancel")
    async def cancel_run(run_id: str, account: Annotated[Account, Depends(current_account)]) -> RedirectResponse:
        await cancel(console.app, account, run_id, "")
        return RedirectResponse(f"/approve/{run_id}", status_code=303)

    return router
