"""What every page is given: a transaction in the reader's scope, and the frame around the page."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import App
from sereno_server.reads.tickets import TicketCounts, ticket_counts
from sereno_server.store.engine import Scope
from sereno_server.web.i18n import reader
from sereno_server.web.rendering import Frame

NOTHING = TicketCounts(open=0, waiting=0, solved=0)


@dataclass(frozen=True)
class Console:
    """The running server and its clock."""

    app: App
    clock: Callable[[], datetime]

    @contextlib.asynccontextmanager
    async def reading(
        self, request: Request, account: Account, verb: str = "read"
    ) -> AsyncIterator[tuple[AsyncConnection | None, Frame]]:
        """A transaction in the account's organisation, and the frame. No organisation yet: no transaction."""
        authorise(account, verb, Object("page", account.organisation_id))
        now = self.clock()
        if not account.organisation_id:
            yield None, Frame(request, reader(request), now, account, NOTHING)
            return
        async with self.app.store.transaction(Scope(account.organisation_id)) as tx:
            yield tx, Frame(request, reader(request), now, account, await ticket_counts(tx, now))
