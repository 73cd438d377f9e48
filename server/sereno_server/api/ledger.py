"""The ledger: what was done."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from sereno_proto import limits
from sereno_proto.checkpoint_signature import verifier_key
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, Limit, Page, read_cursor, write_cursor
from sereno_server.app import App
from sereno_server.audit import export
from sereno_server.audit.checkpoints import load_key
from sereno_server.audit.verify import verify
from sereno_server.reads import ledger as ledger_reads
from sereno_server.reads.rows import LedgerRow

POSITION_MAX = (1 << 63) - 1


def router(app: App) -> APIRouter:
    """Routes /ledger, /ledger/verify, /ledger/export and /ledger/{position}/proof."""
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

    async def verifier() -> str:
        return verifier_key((await load_key(app.store)).public_key())

    @routes.get("/ledger/export")
    async def export_ledger(account: Asker, after: int = 0, upto: int = 0) -> dict[str, Any]:
        """An export's header; with `upto`, the rows after a position up to another. See `sereno ledger export`."""
        async with app.store.transaction(allowed(account, "read_ledger", "ledger")) as tx:
            if not upto:
                return await export.header(tx, account.organisation_id, await verifier())
            return asdict(await export.rows(tx, account.organisation_id, max(after, 0), min(upto, POSITION_MAX)))

    @routes.get("/ledger/{position}/proof")
    async def prove_row(account: Asker, position: int) -> dict[str, Any]:
        """One row with the proof that it is in the newest checkpoint."""
        place = min(max(position, 0), POSITION_MAX)
        async with app.store.transaction(allowed(account, "read_ledger", "ledger")) as tx:
            return await export.one(tx, account.organisation_id, place, await verifier())

    return routes
