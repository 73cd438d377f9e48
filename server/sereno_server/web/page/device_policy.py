"""What one device allows, and beside it what is wished of it: the device decides, and a command on it changes that."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from sereno_playbooks import registry
from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.authorise import VERBS, Object, authorise
from sereno_server.access.current import current_account
from sereno_server.reads.devices import device_row, status_of
from sereno_server.reads.words import Words
from sereno_server.store.engine import Scope
from sereno_server.web.console import Console
from sereno_server.web.rendering import page
from sereno_server.wishes import wishes
from sereno_server.wishes.wishes import Wishes

_CHARS_MAX = 16_384


def routes(console: Console) -> APIRouter:
    """GET and POST /devices/NAME/policy."""
    router = APIRouter()

    @router.get("/devices/{name}/policy")
    async def policy_page(
        request: Request, name: str, account: Annotated[Account, Depends(current_account)]
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            row = await device_row(tx, name, frame.now)
            status = await status_of(tx, row.id)
            wanted = await wishes.read(tx, row.organisation_id, row.id)
        allowed = list(status.get("allowed_actions", ()))
        collectors = sorted({one["name"] for one in status.get("collectors", ())} | set(wanted.collectors_denied))
        return page(
            frame,
            "device_policy.html",
            here="fleet",
            tab="policy",
            device=row,
            headline=_headline(row.name, status, frame.words),
            said=status,
            wanted=wanted,
            allowed=allowed,
            denied=list(status.get("collectors_denied", ())),
            collectors=collectors,
            actions=sorted({*registry.names(), *allowed, *wanted.actions}),
            command=f"sereno-agent policy set actions.allow {' '.join(sorted({*allowed, *wanted.actions}))}",
            beyond=[action for action in wanted.actions if action not in allowed],
            may_wish=account.role in VERBS["wish"],
        )

    @router.post("/devices/{name}/policy")
    async def wish(
        name: str,
        account: Annotated[Account, Depends(current_account)],
        collectors: Annotated[list[str] | None, Form(max_length=wishes.WISHES_MAX)] = None,
        actions: Annotated[list[str] | None, Form(max_length=wishes.WISHES_MAX)] = None,
        words: Annotated[str, Form(max_length=_CHARS_MAX)] = "",
    ) -> RedirectResponse:
        authorise(account, "wish", Object("device", account.organisation_id, name))
        hidden = [line.strip() for line in words.splitlines() if line.strip()]
        async with console.app.store.transaction(Scope(account.organisation_id)) as tx:
            row = await device_row(tx, name, console.clock())
            wanted = Wishes(collectors_denied=collectors or [], redact_words=hidden, actions=actions or [])
            await wishes.change(tx, row.organisation_id, row.id, wanted, actor=account.name)
        return RedirectResponse(f"/devices/{row.name}/policy", status_code=303)

    return router


def _headline(name: str, status: dict[str, Any], words: Words) -> str:
    if not status:
        return words.say("{name} has not said what it allows yet.", name=name)
    if status.get("lockdown"):
        return words.say("{name} is in lockdown: nothing remote may act on it.", name=name)
    count = len(status.get("allowed_actions", ()))
    if status.get("policy_error") or not count:
        return words.say("{name} allows no actions.", name=name)
    return words.say_n("{name} allows one action.", "{name} allows {n} actions.", count, name=name)
