"""Verifying an organisation's ledger as it lies in the database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.audit.chain import Fault, Head, LedgerRow, Walk
from sereno_server.store.tables import ledger

ROWS_AT_ONCE = 2000
FAULTS_MAX = 100


@dataclass(frozen=True)
class Verdict:
    """What a walk over the whole chain found. `waiting` rows are written but not chained yet."""

    head: Head
    waiting: int
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults


async def verify(tx: AsyncConnection, organisation_id: str, witness: Head | None = None) -> Verdict:
    """Walks the chain in bounded memory; at most FAULTS_MAX faults are listed, the first ones."""
    waiting = await tx.scalar(
        select(func.count()).where(ledger.c.organisation_id == organisation_id, ledger.c.position.is_(None))
    )
    walk = Walk(organisation_id, witness)
    found: list[Fault] = []
    async for row in _rows(tx, organisation_id):
        found += walk.step(row)
    found += walk.end()
    return Verdict(walk.head, waiting or 0, tuple(found[:FAULTS_MAX]))


async def _rows(tx: AsyncConnection, organisation_id: str) -> AsyncIterator[LedgerRow]:
    after = 0
    while True:
        result = await tx.execute(
            select(ledger)
            .where(ledger.c.organisation_id == organisation_id, ledger.c.position > after)
            .order_by(ledger.c.position)
            .limit(ROWS_AT_ONCE)
        )
        rows = [LedgerRow(**row) for row in result.mappings()]
        if not rows:
            return
        for row in rows:
            yield row
        after = rows[-1].position
