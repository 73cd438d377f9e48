"""`python -m sereno_server.prediction`: a process of its own, so that a heavy pass never delays a stream or a page.

Settings come from SERENO_* variables alone; the server that starts it sets them. It ends when its standard input does,
so that it never outlives the server.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from datetime import UTC, datetime

import psycopg
from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_server.config import Settings, load
from sereno_server.prediction.checkpoint import NAME
from sereno_server.prediction.process import Predictor, run
from sereno_server.store.engine import Store

LOCK = 0x5E2E_0007  # one predictor a database; others wait for it
LOCK_RETRY_S = 5.0


async def main(settings: Settings) -> None:
    """Predicts until standard input ends or SIGTERM comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the server ends us in order
    with contextlib.suppress(PermissionError):  # a file or /dev/null, when started by hand, cannot be waited for
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else stop.set())
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        while not await _alone(connection):
            try:
                return await asyncio.wait_for(_set(stop), LOCK_RETRY_S)
            except TimeoutError:
                continue
        store = await Store.open(settings.database_url)
        try:
            kept_at = settings.data_dir / NAME
            await run(Predictor(store, lambda: datetime.now(UTC), settings.forecast_interval_s, kept_at), stop)
        finally:
            await store.close()


async def _alone(connection: psycopg.AsyncConnection) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
    return bool(row and row[0])


async def _set(stop: asyncio.Event) -> None:
    await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(main(load(None, os.environ)))
    except SerenoError as error:
        sys.exit(error.line())
    except (psycopg.Error, DBAPIError, OSError) as error:
        sys.exit(f"prediction: the database is away: {str(error).strip().splitlines()[0]}")
