"""The server's own database, opened by a command on the server's machine, whether the server runs or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sereno_server.config import Settings
from sereno_server.store import migrations
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Store


@asynccontextmanager
async def local_store(settings: Settings) -> AsyncIterator[Store]:
    """Opens the database and brings its schema up to date; a private PostgreSQL that did not run is stopped again."""
    private, url = None, settings.database_url
    if not url:
        embedded = EmbeddedPostgreSQL(settings.data_dir, pg_bin=Path(settings.pg_bin) if settings.pg_bin else None)
        private = None if embedded.pid else embedded
        url = await asyncio.to_thread(embedded.start)
    try:
        await asyncio.to_thread(migrations.upgrade, url)
        store = await Store.open(url)
        try:
            yield store
        finally:
            await store.close()
    finally:
        if private is not None:
            await asyncio.to_thread(private.stop)
