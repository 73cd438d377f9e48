"""The server's ledger, the newest line first."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_server.reads import pick
from sereno_server.reads.rows import LedgerRow
from sereno_server.store.tables import ledger as table


async def ledger(
    tx: AsyncConnection, *, limit: int = limits.PAGE_ROWS, before: tuple[datetime, str] | None = None, search: str = ""
) -> list[LedgerRow]:
    """The newest lines, or those before a line's (at, id); `search` matches actor, verb and object."""
    query = select(*pick.columns(LedgerRow, table))
    if before is not None:
        query = query.where(tuple_(table.c.at, table.c.id) < before)
    for word in search.split():
        query = query.where(func.concat_ws(" ", table.c.actor, table.c.verb, table.c.object).icontains(word))
    query = query.order_by(table.c.at.desc(), table.c.id.desc()).limit(min(limit, limits.PAGE_ROWS_MAX))
    return [pick.row(LedgerRow, m) for m in (await tx.execute(query)).mappings()]


async def ledger_of(tx: AsyncConnection, objects: Sequence[str], *, limit: int) -> list[LedgerRow]:
    """The newest lines about any of these objects."""
    query = (
        select(*pick.columns(LedgerRow, table))
        .where(table.c.object.in_(objects))
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(limit)
    )
    return [pick.row(LedgerRow, m) for m in (await tx.execute(query)).mappings()]


async def ledger_length(tx: AsyncConnection) -> tuple[int, int]:
    """How many lines there are, and how many of them are chained."""
    found = (await tx.execute(select(func.count(), func.count(table.c.position)))).one()
    return found[0], found[1]
