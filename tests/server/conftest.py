"""A private PostgreSQL a test session, and an empty database a test.

`store` works in plain tests that call `asyncio.run` as often as they like; `database_url` is for what opens its own.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert
from tests.server.databases import Shelf

from sereno_proto import sshsig
from sereno_proto.root import Root, write_root
from sereno_server.access.accounts import create_account
from sereno_server.access.organisations import register_organisation
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.app import App, now
from sereno_server.config import Settings
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.gateway import Gateway
from sereno_server.http import create_http
from sereno_server.store import migrations
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Events
from sereno_server.store.tables import devices

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "authentication_timeout": "5s",
}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[EmbeddedPostgreSQL]:
    """A running PostgreSQL with an empty, migrated database to copy from."""
    folder = Path(tempfile.mkdtemp(prefix="sereno-test-"))
    folder.chmod(0o711)  # as root PostgreSQL runs as nobody, who must pass through
    server = EmbeddedPostgreSQL(folder, options=FAST)
    try:
        migrations.upgrade(server.start())
        yield server
    finally:
        server.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shelf(postgresql: EmbeddedPostgreSQL) -> Shelf:
    """Its databases."""
    return Shelf(postgresql)


@pytest.fixture
def database_url(shelf: Shelf) -> Iterator[str]:
    """The URL of an empty, migrated database that no other test sees."""
    url = shelf.take()
    yield url
    shelf.give_back(url)


@pytest.fixture
def store(database_url: str) -> Store:
    """A store on a fresh database; every transaction has a connection of its own, so any event loop may use it."""
    return Store(database_url, pooled=False)


@pytest.fixture
def app(store: Store, database_url: str, tmp_path: Path) -> App:
    """A server's parts on a fresh database; nothing runs or listens."""
    settings = Settings(data_dir=tmp_path, public_url="http://localhost:8080")
    events, authority = Events(database_url), Authority.make(now())
    gateway = Gateway(settings, store, events, authority, now)
    return App(settings, store, events, gateway, authority, now())


class Site:
    """The site over an app, called without a network: two organisations, each with every role and a device."""

    def __init__(self, app: App, keys: Path) -> None:
        self.app = app
        self.http = create_http(app)
        self.root_signers = {name: sshsig.generate(keys / f"root-{name}") for name in ("bakery", "other")}
        self.organisations: dict[str, str] = {}
        self.accounts: dict[tuple[str, str], str] = {}
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        async with self.app.store.transaction(Scope.system()) as tx:
            for name, signer in self.root_signers.items():
                text = write_root(Root(name=name, threshold=1, keys=(signer.public_key,)))
                signatures = [signer.sign(text, sshsig.ROOT_NAMESPACE)]
                identity = await register_organisation(tx, text, signatures, "test")
                self.organisations[name] = identity
                for role in ("administrator", "technician", "approver", "customer"):
                    account = await create_account(tx, role, role.title(), role, organisation_id=identity)
                    self.accounts[name, role] = account
                device = {"organisation_id": identity, "id": f"dev_{name}", "name": f"till-{name}"}
                await tx.execute(
                    insert(devices).values(**device, identity_key=b"k" * 32, platform="linux", agent_version="1")
                )

    def secret(self, organisation: str, role: str, kind: str) -> str:
        """A session or token of that person."""

        async def make() -> str:
            async with self.app.store.transaction(Scope.system()) as tx:
                return await issue(tx, kind, self.accounts[organisation, role], utc_now())

        return asyncio.run(make())

    def call(self, method: str, path: str, token: str = "", **how: object) -> httpx.Response:
        """One request; `token` goes as a bearer."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.http, client=("192.0.2.7", 5))
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(transport=transport, base_url=self.app.settings.public_url) as client:
                return await client.request(method, path, headers=headers | how.pop("headers", {}), **how)

        return asyncio.run(ask())


@pytest.fixture
def site(app: App, tmp_path: Path) -> Site:
    """The site on a fresh database."""
    return Site(app, tmp_path)
