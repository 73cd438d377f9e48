"""The database: transactions that carry a scope, which row-level security enforces."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from sereno_proto.errors import SerenoError

EVERY_ORGANISATION = "*"
POOL_SIZE = 10
POOL_OVERFLOW = 10
STATEMENT_TIMEOUT_MS = 60_000

_SET_SCOPE = text("SELECT set_config('sereno.organisation', :scope, true)")


@dataclass(frozen=True)
class Scope:
    """Whose rows a transaction sees and may write."""

    organisation_id: str

    @classmethod
    def system(cls) -> Self:
        """Every organisation: for the server's own work, never for a request on a person's behalf."""
        return cls(EVERY_ORGANISATION)


class Store:
    """One database. Connections are pooled for one event loop; `pooled=False` suits any number of loops (tests)."""

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        self.url = url
        pool = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW, "pool_pre_ping": False} if pooled else {}
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            connect_args={"options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}", "connect_timeout": 10},
            **({"poolclass": NullPool} if not pooled else pool),
        )

    @classmethod
    async def open(cls, url: str) -> Self:
        """A store whose database has answered once. Raises E_POSTGRESQL."""
        store = cls(url)
        try:
            async with store._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            await store.close()
            raise SerenoError("E_POSTGRESQL", f"the database does not answer: {str(error.orig).strip()}") from error
        return store

    @contextlib.asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[AsyncConnection]:
        """One transaction within the scope: committed at the end of the block, rolled back when it raises."""
        if not scope.organisation_id:
            raise SerenoError("E_INTERNAL", "a transaction without a scope")
        async with self._engine.begin() as connection:
            await connection.execute(_SET_SCOPE, {"scope": scope.organisation_id})
            yield connection

    async def close(self) -> None:
        """Closes the pool."""
        await self._engine.dispose()
