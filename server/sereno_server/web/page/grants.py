"""What may machines do by themselves? Grants made in advance: their texts, who signed, what is left of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from sereno_proto.errors import BadInput
from sereno_proto.grants import BOUNDS, Grant, next_higher, read_grant
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.grants.decide import deny_grant, revoke_grant
from sereno_server.reads.grants import GrantView, grant, grants_of
from sereno_server.reads.rosters import newest_roster, threshold_of
from sereno_server.reads.words import Words
from sereno_server.web import fix
from sereno_server.web.approving import grant_link_for
from sereno_server.web.console import Console
from sereno_server.web.rendering import page

OPEN = frozenset({"waiting", "active"})


def routes(console: Console) -> APIRouter:
    """GET /grants, GET /grants/GRANT, and POST …/deny and …/revoke: both need no key."""
    router = APIRouter()
    _reading(console, router)
    _deciding(console, router)
    return router


def _reading(console: Console, router: APIRouter) -> None:
    @router.get("/grants")
    async def grants_page(request: Request, account: Annotated[Account, Depends(current_account)]) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            found = await grants_of(tx, frame.now) if tx is not None else []
        words = frame.words
        live = [one for one in found if one.state in OPEN]
        headline = words.say("Nothing is granted in advance.")
        if live:
            headline = words.say_n("One grant made in advance.", "{n} grants made in advance.", len(live))
        return page(
            frame,
            "grants.html",
            here="approvals",
            headline=headline,
            grants=found,
            title_of=lambda one: fix.playbook_title(one.playbook, words),
            kind_of=lambda one: kind_words(one.kind, words),
        )

    @router.get("/grants/{grant_id}")
    async def grant_page(
        request: Request, grant_id: str, account: Annotated[Account, Depends(current_account)]
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no grant {grant_id}")
            view = await grant(tx, grant_id, frame.now)
            roster = await newest_roster(tx)
        words = frame.words
        text = read_grant(view.text.encode("ascii"))
        return page(
            frame,
            "grant.html",
            here="approvals",
            grant=view,
            title=fix.playbook_title(view.playbook, words),
            kind=kind_words(view.kind, words),
            steps=text.steps,
            triggers=[fix.require_words(one, words) for one in text.triggers],
            require_words=lambda require: fix.require_words(require, words),
            bound_words=lambda bounds: fix.bound_words(bounds, words),
            threshold=threshold_of(roster, next_higher(view.risk), frame.now),
            command=f"sereno grants approve {view.id}",
            left=left_words(view, text, words),
            own=account.name == view.requester,
            link=grant_link_for(console.app.settings, view, account),
        )


def _deciding(console: Console, router: APIRouter) -> None:
    @router.post("/grants/{grant_id}/deny")
    async def deny(
        grant_id: str,
        account: Annotated[Account, Depends(current_account)],
        words: Annotated[str, Form(max_length=500)] = "",
    ) -> RedirectResponse:
        await deny_grant(console.app, account, grant_id, words.strip())
        return RedirectResponse(f"/grants/{grant_id}", status_code=303)

    @router.post("/grants/{grant_id}/revoke")
    async def revoke(
        grant_id: str,
        account: Annotated[Account, Depends(current_account)],
        words: Annotated[str, Form(max_length=500)] = "",
    ) -> RedirectResponse:
        await revoke_grant(console.app, account, grant_id, words.strip())
        return RedirectResponse(f"/grants/{grant_id}", status_code=303)


def kind_words(kind: str, words: Words) -> str:
    """`once each, when it is back`."""
    return words.say("once each, when it is back") if kind == BOUNDS else words.say("whenever its trigger holds")


def left_words(view: GrantView, text: Grant, words: Words) -> str:
    """What is left of it, in one sentence."""
    used = sum(place.uses for place in view.places)
    return words.say("Used {n} of {all} times", n=used, all=text.uses * len(view.places))
