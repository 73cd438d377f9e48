"""Whom a request was told, and whom it will be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads import pick
from sereno_server.store.tables import approval_notices


@dataclass(frozen=True)
class Notice:
    """One message to one person. state: waiting, told, failed, or dropped because it was answered before."""

    person: str
    channel: str
    state: str
    due_at: datetime
    told_at: datetime | None
    what: str | None


async def notices_of(tx: AsyncConnection, of: str) -> Sequence[Notice]:
    """The messages about a run or grant, in the order of their times."""
    query = select(*pick.columns(Notice, approval_notices)).where(approval_notices.c.of == of)
    found = (await tx.execute(query.order_by(approval_notices.c.due_at, approval_notices.c.person))).mappings()
    return [pick.row(Notice, mapping) for mapping in found]
