"""The roster as published, and new ones. And join codes."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_proto.join_code import read
from sereno_server.access.organisations import current_roster, publish_root, publish_roster
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.app import App
from sereno_server.gateway.join_codes import make_join_code


class RosterAnswer(BaseModel):
    """The newest roster, its exact text and the root's signatures over it."""

    version: int
    text: str
    signatures: list[str]


class RosterRequest(BaseModel):
    """A signed roster."""

    text: str = Field(max_length=limits.DOCUMENT_BYTES_MAX)
    signatures: list[str] = Field(max_length=2 * limits.ROOT_KEYS_MAX)


class JoinCodeRequest(BaseModel):
    """How long the code may be used."""

    valid_s: int = Field(default=limits.JOIN_CODE_VALID_S, ge=60, le=86_400)


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

    @routes.post("/roots")
    async def rotate(account: Asker, body: RosterRequest, key: Key = "") -> dict[str, Any]:
        """Stores the root that follows the newest one; devices take it with the next roster, and verify both."""
        scope = allowed(account, "publish_roster", "root")

        async def work() -> dict[str, Any]:
            text = body.text.encode("ascii", errors="replace")
            async with app.store.transaction(scope) as tx:
                number = await publish_root(tx, account.organisation_id, text, body.signatures, actor=account.name)
            return {"number": number}

        return await once(app, account, key, "POST /roots", body, work)

    @routes.post("/join-codes", status_code=201)
    async def join_code(account: Asker, body: JoinCodeRequest, key: Key = "") -> dict[str, Any]:
        """Makes a one-time code; it carries the root's digest, which joining prints to compare."""
        scope = allowed(account, "make_join_code", "join code")

        async def work() -> dict[str, Any]:
            async with app.store.transaction(scope) as tx:
                address, fingerprint = app.settings.enroll_target(), app.authority.fingerprint
                code = await make_join_code(
                    tx, account.organisation_id, account.name, address, fingerprint, utc_now(), body.valid_s
                )
            made = read(code)
            return {"code": code, "root_digest": made.root_digest, "expires": made.expires.isoformat()}

        return await once(app, account, key, "POST /join-codes", body, work)

    return routes
