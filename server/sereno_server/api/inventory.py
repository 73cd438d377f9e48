"""Which devices of the fleet have what."""

from typing import Annotated

from fastapi import APIRouter, Query

from sereno_proto import limits
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Limit
from sereno_server.app import App
from sereno_server.reads import inventory as inventory_reads


def router(app: App) -> APIRouter:
    """Routes under /inventory."""
    routes = APIRouter(prefix="/inventory", tags=["inventory"])

    @routes.get("")
    async def ask(
        account: Asker, q: Annotated[str, Query(max_length=200)], limit: Limit = limits.PAGE_ROWS_MAX
    ) -> inventory_reads.Answer:
        """Which devices have what: `openssl < 3.0.15`, `nginx`, `lib*ssl*`, or words of any fact."""
        async with app.store.transaction(allowed(account, "read", "devices")) as tx:
            return await inventory_reads.ask(tx, q, limit)

    return routes
