"""Tickets: the list and one whole."""

from typing import Literal

from fastapi import APIRouter

from sereno_proto import limits
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, Limit, Page, by_offset, read_cursor
from sereno_server.app import App
from sereno_server.reads import tickets as ticket_reads


def router(app: App) -> APIRouter:
    """Routes under /tickets."""
    routes = APIRouter(prefix="/tickets", tags=["tickets"])

    @routes.get("")
    async def list_tickets(
        account: Asker,
        state: Literal["open", "solved", "all"] = "all",
        limit: Limit = limits.PAGE_ROWS,
        cursor: Cursor = "",
        search: str = "",
    ) -> Page[ticket_reads.TicketRow]:
        """Tickets, the most urgent first."""
        offset = read_cursor(cursor, of=int, start=0)
        async with app.store.transaction(allowed(account, "read", "tickets")) as tx:
            rows = await ticket_reads.tickets(tx, utc_now(), state=state, search=search, limit=limit + 1, offset=offset)
        return by_offset(rows, offset, limit)

    @routes.get("/{ticket}")
    async def one_ticket(account: Asker, ticket: str) -> ticket_reads.TicketView:
        """One ticket by id, `T-17` or `17`, with all its evidence and its timeline."""
        async with app.store.transaction(allowed(account, "read", "ticket", ticket)) as tx:
            return await ticket_reads.ticket(tx, ticket)

    return routes
