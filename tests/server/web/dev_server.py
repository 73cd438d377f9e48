"""Serves the seeded story, to look at: `python -m tests.server.web.dev_server [PORT] [empty]`."""

import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION

from sereno_proto.errors import SerenoError
from sereno_server.access.account import Account
from sereno_server.app import App
from sereno_server.config import Settings
from sereno_server.store import migrations
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Events
from sereno_server.web import pages

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NOW = datetime(2026, 11, 19, 3, 12, 41, tzinfo=UTC)


def site(app: App, organisation_id: str) -> FastAPI:
    """The pages as the real site serves them, with somebody signed in."""
    made = FastAPI()
    made.include_router(pages.router(app, lambda: NOW))
    pages.mount_static(made)

    @made.middleware("http")
    async def signed_in(request: Request, call_next):
        request.state.account = Account("acc_1", "noa", "Noa", "technician", organisation_id)
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @made.exception_handler(SerenoError)
    async def failed(request: Request, error: SerenoError) -> Response:
        return pages.error_page(request, error)

    return made


async def serve(url: str, port: int, *, empty: bool) -> None:
    store = Store(url)
    if not empty:
        async with store.transaction(Scope(ORGANISATION)) as tx:
            await seed.fill(tx, NOW)
    app = cast(
        "App",
        SimpleNamespace(settings=Settings(http_port=port), store=store, events=Events(url), stopping=asyncio.Event()),
    )
    config = uvicorn.Config(site(app, "" if empty else ORGANISATION), port=port, log_level="warning")
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(app.events.run())
        await uvicorn.Server(config).serve()
        listening.cancel()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sereno-dev-"))
    folder.chmod(0o711)
    postgresql = EmbeddedPostgreSQL(folder, options={"fsync": "off"})
    try:
        url = postgresql.start()
        migrations.upgrade(url)
        port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
        asyncio.run(serve(url, port, empty="empty" in sys.argv))
    finally:
        postgresql.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
