"""The roster as published, and new ones. Join codes come from gateway's authority."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.access.organisations import current_roster, publish_roster
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.app import App


class RosterAnswer(BaseModel):
    """The newest roster, its exact text and the root's signatures over it."""

    version: int
    text: str
    signatures: list[str]


class RosterRequest(BaseModel):
    """A signed roster."""

    text: str = Field(max_length=limits.DOCUMENT_BYTES_MAX)
    signatures: list[str] = Field(max_length=limits.SIGNATURES_MAX)


def router(app: App) -> APIRouter:
    """Routes /rosters and /join-codes."""
    routes = APIRouter(tags=["organisation"])

    @routes.get("/rosters/current")
    async def roster(account: Asker) -> RosterAnswer:
        """The newest published roster."""
        async with app.store.transaction(allowed(account, "read", "roster")) as tx:
            found = await current_roster(tx, account.organisation_id)
        if found is None:
            raise BadInput("E_NOT_FOUND", "no roster is published", "publish one: `sereno roster publish`")
        return RosterAnswer(version=found[2], text=found[0].decode("ascii"), signatures=found[1])

    @routes.post("/rosters")
    async def publish(account: Asker, body: RosterRequest, key: Key = "") -> dict[str, Any]:
        """Stores a roster that the root signed; devices are offered it and verify it themselves."""
        scope = allowed(account, "publish_roster", "roster")

        async def work() -> dict[str, Any]:
            text = body.text.encode("ascii", errors="replace")
            async with app.store.transaction(scope) as tx:
                roster = await publish_roster(
                    tx, account.organisation_id, text, body.signatures, actor=account.name, now=utc_now()
                )
            return {"version": roster.version}

        return await once(app, account, key, "POST /rosters", body, work)

    return routes
