"""The ledger and the scoreboard: what was done, and how often the predictions were right."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter

from sereno_proto import limits
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, Limit, Page, read_cursor, write_cursor
from sereno_server.app import App
from sereno_server.audit.verify import verify
from sereno_server.reads import ledger as ledger_reads
from sereno_server.reads.rows import LedgerRow
from sereno_server.reads.scoreboard import Scoreboard, scoreboard

SCOREBOARD_DAYS = 90


def router(app: App) -> APIRouter:
    """Routes /ledger, /ledger/verify and /scoreboard."""
    routes = APIRouter(tags=["audit"])

    @routes.get("/ledger")
    async def list_ledger(
        account: Asker, limit: Limit = limits.PAGE_ROWS, cursor: Cursor = "", search: str = ""
    ) -> Page[LedgerRow]:
        """The ledger's rows, the newest first."""
        place = read_cursor(cursor, of=list, start=[])
        before = (datetime.fromisoformat(place[0]), str(place[1])) if place else None
        async with app.store.transaction(allowed(account, "read_ledger", "ledger")) as tx:
            rows = await ledger_reads.ledger(tx, limit=limit, before=before, search=search)
        last = write_cursor([rows[-1].at.isoformat(), rows[-1].id]) if len(rows) == limit else ""
        return Page(items=rows, next=last)

    @routes.get("/ledger/verify")
    async def verify_ledger(account: Asker) -> dict[str, Any]:
        """Walks the whole chain: `sound`, its head, and the first faults."""
        async with app.store.transaction(allowed(account, "read_ledger", "ledger")) as tx:
            verdict = await verify(tx, account.organisation_id)
        return {"sound": verdict.sound, **asdict(verdict)}

    @routes.get("/scoreboard")
    async def scores(account: Asker, days: int = SCOREBOARD_DAYS) -> Scoreboard:
        """Every forecast of the last days, by what came of it."""
        async with app.store.transaction(allowed(account, "read", "scoreboard")) as tx:
            return await scoreboard(tx, utc_now() - timedelta(days=min(max(days, 1), 3660)))

    return routes
