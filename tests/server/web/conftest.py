"""The console over the seeded story, called as a browser would call it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION
from tests.server.web.seed_tickets import Story

from sereno_server.access.accounts import create_account
from sereno_server.access.guard import cookie_name
from sereno_server.access.sign_in import issue
from sereno_server.app import App
from sereno_server.http import create_http
from sereno_server.store.engine import Scope


@dataclass
class Visitor:
    """Somebody with a browser."""

    app: App
    http: FastAPI
    story: Story
    session: str

    def get(self, path: str, *, session: str | None = None, **headers: str) -> httpx.Response:
        return self.ask("GET", path, session=session, headers=headers)

    def ask(self, method: str, path: str, *, session: str | None = None, **how: object) -> httpx.Response:
        async def call() -> httpx.Response:
            secret = self.session if session is None else session
            cookie = {"cookie": f"{cookie_name(self.app.settings.public_url)}={secret}"} if secret else {}
            headers = {"accept": "text/html", **cookie, **how.pop("headers", {})}
            transport = httpx.ASGITransport(self.http)
            async with httpx.AsyncClient(transport=transport, base_url=self.app.settings.public_url) as client:
                return await client.request(method, path, headers=headers, **how)

        return asyncio.run(call())


async def sign_in(app: App, name: str, role: str, kind: str = "session") -> str:
    """Makes an account in the seeded organisation and gives the secret of a session, or a login link."""
    async with app.store.transaction(Scope.system()) as tx:
        account = await create_account(tx, name, name.title(), role, organisation_id=ORGANISATION)
        return await issue(tx, kind, account, datetime.now(UTC))


async def fill(app: App) -> Story:
    """The story, as of now."""
    async with app.store.transaction(Scope(ORGANISATION)) as tx:
        return await seed.fill(tx, datetime.now(UTC))


@pytest.fixture
def visitor(app: App) -> Visitor:
    """Noa, signed in."""
    story = asyncio.run(fill(app))
    return Visitor(app, create_http(app), story, asyncio.run(sign_in(app, "noa", "technician")))
