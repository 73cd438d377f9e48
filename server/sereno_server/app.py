"""The one place that makes every part of the server and wires them together."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_server.config import Settings
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.gateway import Gateway
from sereno_server.store import migrations
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Store
from sereno_server.store.events import Events

PATIENCE_S = 15.0
PATIENCE_STEP_S = 0.5

Opened = TypeVar("Opened")

log = logging.getLogger(__name__)


def now() -> datetime:
    """The server's clock, UTC; parts take it as an argument."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class App:
    """What every part of a running server is given.

    settings: with the ports that the listeners really took. stopping: set when the server ends.
    """

    settings: Settings
    store: Store
    events: Events
    gateway: Gateway
    authority: Authority
    started_at: datetime
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


Part = Callable[[App], Awaitable[None]]


@contextlib.asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[App]:
    """A server with its database, authority and listeners, before its parts run; all closed at the end of the block.

    Raises E_NO_POSTGRESQL, E_POSTGRESQL, E_SCHEMA_NEWER, E_PORT_TAKEN.
    """
    async with contextlib.AsyncExitStack() as closing:
        url = settings.database_url
        if not url:
            url = await closing.enter_async_context(_private_postgresql(settings))
        store, authority = await _patiently(lambda: _open(url))
        closing.push_async_callback(store.close)
        events = Events(url)
        gateway = Gateway(settings, store, events, authority, now)
        closing.push_async_callback(gateway.stop)
        bound = await gateway.start()
        yield App(bound, store, events, gateway, authority, now())


async def _open(url: str) -> tuple[Store, Authority]:
    """The database at this version's schema, and the authority in it."""
    await asyncio.to_thread(migrations.upgrade, url)
    store = await Store.open(url)
    try:
        return store, await Authority.load(store, now())
    except BaseException:
        await store.close()
        raise


async def _patiently(work: Callable[[], Awaitable[Opened]]) -> Opened:
    """Does the work, again for a while when the database does not answer: it may be on its way up, or back."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await work()
        except (DBAPIError, SerenoError) as error:
            away = isinstance(error, DBAPIError) or error.code == "E_POSTGRESQL"
            if not away or time.monotonic() > deadline:
                raise
            log.warning("the database does not answer yet: %s", str(error).splitlines()[0])
        await asyncio.sleep(PATIENCE_STEP_S)


@contextlib.asynccontextmanager
async def _private_postgresql(settings: Settings) -> AsyncIterator[str]:
    """Starts the private PostgreSQL, brings it back when it is killed, and stops it at the end."""
    postgresql = EmbeddedPostgreSQL(settings.data_dir, pg_bin=Path(settings.pg_bin) if settings.pg_bin else None)
    lock = _lock(settings.data_dir)
    url = await asyncio.to_thread(postgresql.start)
    watch = asyncio.create_task(postgresql.supervise(), name="postgresql")
    try:
        yield url
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await asyncio.to_thread(postgresql.stop)
        os.close(lock)


def _lock(data_dir: Path) -> int:
    """Holds the data folder: a second server would stop the first one's PostgreSQL when it ends. The kernel lets go."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise SerenoError("E_SERVER_RUNNING", f"a server uses {data_dir} already") from error
    return lock


async def serve(settings: Settings, ready: Callable[[App], None] = lambda _: None) -> None:
    """Runs the whole server until SIGINT or SIGTERM, then ends it in order. Raises as `started` does.

    ready: called once the listeners answer.
    """
    from sereno_server.parts import PARTS  # noqa: PLC0415 (the parts know App, so they are imported after it)

    async with started(settings) as app:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, app.stopping.set)
        try:
            ready(app)
            await run_parts(app, PARTS)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


async def run_parts(app: App, parts: Sequence[tuple[str, Part]]) -> None:
    """Runs the parts until `stopping` is set, or one of them fails: its own error is raised then."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(name, part, app), name=name) for name, part in parts]
            await app.stopping.wait()
            for task in tasks:
                task.cancel()
    except* SerenoError as errors:
        raise errors.exceptions[0] from None


async def _run(name: str, part: Part, app: App) -> None:
    try:
        await part(app)
    except asyncio.CancelledError:
        raise
    except SerenoError:
        raise
    except Exception:
        log.exception("the part %s failed; the server ends", name)
        raise
