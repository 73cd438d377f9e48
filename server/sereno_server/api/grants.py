"""Grants made in advance: asking for one, reading its text, signing it, saying no, taking it back."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from sereno_proto.limits import (
    GRANT_DAYS_MAX,
    GRANT_DEVICES_MAX,
    GRANT_PAUSE_S_MAX,
    GRANT_PAUSE_S_MIN,
    GRANT_TRIGGERS_MAX,
    GRANT_USES_MAX,
    PAGE_ROWS,
    SIGNATURE_CHARS_MAX,
    TEXT_CHARS_MAX,
)
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.api.paging import Limit, Page
from sereno_server.app import App
from sereno_server.grants.decide import deny_grant, revoke_grant, sign_grant
from sereno_server.grants.draft import Wish, draft_grant
from sereno_server.reads import grants as grant_reads
from sereno_server.reads.grants import GrantView


class GrantRequest(BaseModel):
    """Bounds for devices that are offline, or a standing grant with its trigger."""

    kind: Literal["bounds", "standing-grant"]
    playbook: str = Field(max_length=128)
    devices: list[str] = Field(min_length=1, max_length=GRANT_DEVICES_MAX)
    parameters: dict[str, str] = Field(default_factory=dict, max_length=64)
    limits: dict[str, int] = Field(default_factory=dict, max_length=64)
    ticket: str | None = Field(default=None, max_length=128)
    not_before: datetime | None = None
    hours: float = Field(default=48, gt=0, le=GRANT_DAYS_MAX * 24)
    uses: int = Field(default=1, ge=1, le=GRANT_USES_MAX)
    pause_s: int = Field(default=3600, ge=GRANT_PAUSE_S_MIN, le=GRANT_PAUSE_S_MAX)
    triggers: list[str] = Field(default_factory=list, max_length=GRANT_TRIGGERS_MAX)


class GrantSignature(BaseModel):
    """An SSHSIG or a passkey's assertion over the exact text, in the namespace of its kind and purpose."""

    purpose: Literal["request", "approve"]
    signature: str = Field(max_length=SIGNATURE_CHARS_MAX)


class Reason(BaseModel):
    """Why."""

    reason: str = Field(default="", max_length=TEXT_CHARS_MAX)


def router(app: App) -> APIRouter:
    """Routes under /grants."""
    routes = APIRouter(tags=["grants"])
    _reading(app, routes)
    _deciding(app, routes)
    return routes


def _reading(app: App, routes: APIRouter) -> None:
    @routes.get("/grants")
    async def list_grants(account: Asker, limit: Limit = PAGE_ROWS) -> Page[GrantView]:
        """The newest grants, with what became of each on its devices."""
        async with app.store.transaction(allowed(account, "read", "grants")) as tx:
            return Page(items=await grant_reads.grants_of(tx, utc_now(), limit=limit))

    @routes.get("/grants/{grant}")
    async def one_grant(account: Asker, grant: str) -> GrantView:
        """One grant."""
        async with app.store.transaction(allowed(account, "read", "grant", grant)) as tx:
            return await grant_reads.grant(tx, grant, utc_now())

    @routes.get("/grants/{grant}/text", response_class=Response)
    async def text(account: Asker, grant: str) -> Response:
        """The document, byte for byte as it is signed."""
        async with app.store.transaction(allowed(account, "read", "grant", grant)) as tx:
            view = await grant_reads.grant(tx, grant, utc_now())
        return Response(view.text, media_type="text/plain; charset=us-ascii")


def _deciding(app: App, routes: APIRouter) -> None:
    @routes.post("/grants", status_code=201)
    async def ask(account: Asker, body: GrantRequest, key: Key = "") -> dict[str, Any]:
        """Drafts a grant; it waits for signatures."""
        allowed(account, "request_run", "grant")
        given = body.model_dump() | {"ticket_id": body.ticket}
        del given["ticket"]

        async def work() -> dict[str, Any]:
            return {"grant_id": await draft_grant(app, account, Wish(**given))}

        return await once(app, account, key, "POST /grants", body, work)

    @routes.post("/grants/{grant}/signatures")
    async def sign(account: Asker, grant: str, body: GrantSignature, key: Key = "") -> dict[str, Any]:
        """Adds the caller's own signature. When they are enough, the grant goes to its devices."""
        allowed(account, "sign", "grant", grant)

        async def work() -> dict[str, Any]:
            return {"grant_id": grant, "state": await sign_grant(app, account, grant, body.purpose, body.signature)}

        return await once(app, account, key, f"POST /grants/{grant}/signatures", body, work)

    @routes.post("/grants/{grant}/deny")
    async def say_no(account: Asker, grant: str, body: Reason, key: Key = "") -> dict[str, Any]:
        """Ends a grant that waits for signatures."""
        allowed(account, "deny", "grant", grant)

        async def work() -> dict[str, Any]:
            await deny_grant(app, account, grant, body.reason)
            return {"grant_id": grant, "state": "denied"}

        return await once(app, account, key, f"POST /grants/{grant}/deny", body, work)

    @routes.post("/grants/{grant}/revoke")
    async def take_back(account: Asker, grant: str, body: Reason, key: Key = "") -> dict[str, Any]:
        """Takes back a grant that is active, also on the devices that hold it."""
        allowed(account, "deny", "grant", grant)

        async def work() -> dict[str, Any]:
            await revoke_grant(app, account, grant, body.reason)
            return {"grant_id": grant, "state": "revoked"}

        return await once(app, account, key, f"POST /grants/{grant}/revoke", body, work)
