"""The part that tells approvers. Any node may send a notice; the row that it holds is sent by no other."""

import asyncio
import logging

from sqlalchemy.exc import DBAPIError

from sereno_server.app import App, now
from sereno_server.telling import tell
from sereno_server.telling.channels import mail_by, post

LOOK_EVERY_S = 3.0

log = logging.getLogger(__name__)


async def run(app: App) -> None:
    """Looks for what waits and sends what is due, until cancelled."""
    ways = tell.Ways(mail_by(app.settings), post)
    while True:
        try:
            await tell.plan(app.store, now())
            while await tell.send_one(app.store, app.settings, ways, now()):
                pass
        except (DBAPIError, OSError):
            log.warning("telling: the database is away")
        await asyncio.sleep(LOOK_EVERY_S)
