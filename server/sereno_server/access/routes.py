"""The routes by which people get in and out: the one-time link, the signed challenge, signing out."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse

from sereno_proto import limits, sshsig
from sereno_proto.errors import Refused
from sereno_proto.keys import parse_public
from sereno_server.access.account import Account
from sereno_server.access.accounts import account_id_by_name, find_account, public_key_of
from sereno_server.access.current import current_account
from sereno_server.access.guard import cookie_name
from sereno_server.access.rates import Rate
from sereno_server.access.sign_in import end, issue, use_once, utc_now
from sereno_server.app import App
from sereno_server.audit import ledger
from sereno_server.store.engine import Scope


class ChallengeRequest(BaseModel):
    """Who wants to sign in."""

    name: str = Field(pattern=limits.PERSON_NAME_PATTERN)


class ChallengeAnswer(BaseModel):
    """A short text to sign with the account's key, in the namespace sereno-login-v1."""

    text: str


class TokenRequest(BaseModel):
    """The signed challenge."""

    text: str = Field(max_length=512)
    sshsig: str = Field(max_length=limits.SIGNATURE_CHARS_MAX)


class TokenAnswer(BaseModel):
    """A bearer token and how long it lives."""

    token: str
    expires_in_s: int


def challenge_text(name: str, public_url: str, secret: str) -> str:
    """What is signed: it names server and person, so that it is worth nothing anywhere else."""
    return f"sereno login v1\nserver: {public_url}\nname: {name}\nchallenge: {secret}\n"


def router(app: App) -> APIRouter:
    """The routes below, with their own memory of who tries too often."""
    routes = APIRouter()
    tries = Rate(burst=20, per_s=0.5)
    public_url = app.settings.public_url
    cookie = cookie_name(public_url)

    @routes.get("/enter/{secret}", include_in_schema=False)
    async def enter(secret: str, request: Request) -> RedirectResponse:
        """Spends a one-time login link for a browser session."""
        tries.take(request.client.host if request.client else "", time.monotonic())
        now = utc_now()
        try:
            async with app.store.transaction(Scope.system()) as tx:
                account_id = await use_once(tx, "link", secret, now)
                session = await issue(tx, "session", account_id, now)
                await _told(tx, account_id, "sign_in.link")
        except Refused as refusal:
            return RedirectResponse(f"/sign-in?code={refusal.code}", status_code=303)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            cookie,
            session,
            max_age=limits.SESSION_HOURS * 3600,
            httponly=True,
            samesite="lax",
            secure=cookie.startswith("__Host-"),
        )
        return answer

    @routes.post("/sign-out", include_in_schema=False)
    async def sign_out(request: Request, _: Annotated[Account, Depends(current_account)]) -> RedirectResponse:
        """Ends this browser's session."""
        async with app.store.transaction(Scope.system()) as tx:
            await end(tx, "session", request.cookies.get(cookie, ""), utc_now())
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(cookie, secure=cookie.startswith("__Host-"), httponly=True)
        return answer

    @routes.post("/api/v1/login/challenge", tags=["login"])
    async def challenge(body: ChallengeRequest, request: Request) -> ChallengeAnswer:
        """Gives a text to sign. An unknown name gets one too: the answer does not tell who has an account."""
        tries.take(request.client.host if request.client else "", time.monotonic())
        async with app.store.transaction(Scope.system()) as tx:
            account_id = await account_id_by_name(tx, body.name)
            secret = await issue(tx, "challenge", account_id or "", utc_now())
        return ChallengeAnswer(text=challenge_text(body.name, public_url, secret))

    @routes.post("/api/v1/login/token", tags=["login"])
    async def token(body: TokenRequest, request: Request) -> TokenAnswer:
        """Gives a one-hour token for a challenge signed by the account's key."""
        tries.take(request.client.host if request.client else "", time.monotonic())
        secret = body.text.rpartition("challenge: ")[2].strip()
        key = sshsig.verify(body.text.encode(), body.sshsig, sshsig.LOGIN_NAMESPACE)
        now = utc_now()
        async with app.store.transaction(Scope.system()) as tx:
            account_id = await use_once(tx, "challenge", secret, now)
            name, line = await public_key_of(tx, account_id)
            if body.text != challenge_text(name, public_url, secret) or parse_public(line).blob != key.blob:
                raise Refused("E_NOT_SIGNED_IN", "the challenge was not signed by this account's key")
            await _told(tx, account_id, "sign_in.key", key.fingerprint)
            return TokenAnswer(token=await issue(tx, "token", account_id, now), expires_in_s=limits.TOKEN_HOURS * 3600)

    return routes


async def _told(tx: AsyncConnection, account_id: str, verb: str, key: str = "") -> None:
    """Writes into the ledger that somebody came in; before there is an organisation there is no ledger either."""
    account = await find_account(tx, account_id)
    if account.organisation_id:
        payload = {"key": key} if key else {}
        await ledger.record(tx, account.organisation_id, account.name, verb, account.id, payload)
