"""A private PostgreSQL a test session, and a fresh database a test.

`store` works in plain tests that call `asyncio.run` as often as they like; `database_url` is for what opens its own.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sereno_server.store import migrations
from sereno_server.store.embedded import ROLE, SUPERUSER, EmbeddedPostgreSQL
from sereno_server.store.engine import Store

TEMPLATE = "sereno"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


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


@pytest.fixture
def database_url(postgresql: EmbeddedPostgreSQL) -> Iterator[str]:
    """The URL of a fresh, migrated database that no other test sees."""
    name = "test_" + uuid.uuid4().hex[:12]
    with psycopg.connect(postgresql.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {ROLE} STRATEGY FILE_COPY")
    yield postgresql.url(database=name)
    with psycopg.connect(postgresql.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database_url: str) -> Store:
    """A store on a fresh database; every transaction has a connection of its own, so any event loop may use it."""
    return Store(database_url, pooled=False)
