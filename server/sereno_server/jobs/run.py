"""The part that leads or follows: APScheduler ticks on the elected node only."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_server.jobs.leader import LEASE_S, Leadership
from sereno_server.jobs.timers import TIMERS, Timer
from sereno_server.store.engine import Scope, Store

if TYPE_CHECKING:
    from sereno_server.app import App

CLAIM_EVERY_S = LEASE_S / 3

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Claims or renews the lease until cancelled; the timers run while it is ours."""
    await lead(app.store, Leadership(app.store, "timers", app.settings.node), TIMERS)


async def lead(
    store: Store, leadership: Leadership, timers: Sequence[Timer], claim_every_s: float = CLAIM_EVERY_S
) -> None:
    """As `run`, with everything given."""
    scheduler: AsyncIOScheduler | None = None
    try:
        while True:
            leads = await _claim(leadership)
            if leads and scheduler is None:
                scheduler = _ticking(store, leadership, timers)
            elif not leads and scheduler is not None:
                scheduler.shutdown(wait=False)
                scheduler = None
            await asyncio.sleep(claim_every_s)
    finally:
        if scheduler is not None:
            scheduler.shutdown(wait=False)
            await _resign(leadership)


async def _claim(leadership: Leadership) -> bool:
    try:
        return await leadership.claim()
    except (DBAPIError, OSError):
        log.warning("jobs: the database is away; nobody knows who leads")
        return False


async def _resign(leadership: Leadership) -> None:
    try:
        await leadership.resign()
    except (DBAPIError, OSError):
        log.info("jobs: the lease runs out by itself")


def _ticking(store: Store, leadership: Leadership, timers: Sequence[Timer]) -> AsyncIOScheduler:
    async def tick(timer: Timer) -> None:
        try:
            async with store.transaction(Scope.system()) as tx:
                await leadership.require(tx)
                await timer.work(tx)
        except (DBAPIError, OSError, SerenoError) as error:
            log.warning("jobs: %s did not run: %s", timer.name, str(error).splitlines()[0])

    scheduler = AsyncIOScheduler(timezone=UTC)
    for timer in timers:
        scheduler.add_job(
            tick, "interval", [timer], seconds=timer.every_s, id=timer.name, next_run_time=datetime.now(UTC)
        )
    scheduler.start()
    return scheduler
