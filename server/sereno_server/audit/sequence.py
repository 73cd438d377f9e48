"""The sequencer: gives every ledger row its place in its organisation's chain, after the row was committed."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.audit import tree
from sereno_server.audit.chain import Head, digest_row, genesis
from sereno_server.store.engine import Scope
from sereno_server.store.tables import ledger

if TYPE_CHECKING:
    from sereno_server.app import App

ROWS_AT_ONCE = 1000
PAUSE_S = 0.5
LOCK = 0x5E5E_0001  # of all nodes only one chains at a time; the transaction's end gives it back

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Chains what was written, until cancelled. A database that is away for a while only makes it wait."""
    while True:
        try:
            async with app.store.transaction(Scope.system()) as tx:
                chained = await chain(tx)
        except (SQLAlchemyError, OSError) as error:
            log.warning("ledger: not chained for now: %s", str(error).partition("\n")[0])
            chained = 0
        if chained < ROWS_AT_ONCE:
            await asyncio.sleep(PAUSE_S)


async def chain(tx: AsyncConnection) -> int:
    """Chains up to ROWS_AT_ONCE waiting rows of all organisations, and tells how many.

    Rows get their place in the order of their ids, that is, of their making; one whose transaction committed late comes
    after those that were chained before. The digest covers the time that is in the row, so nothing is hidden by it.
    """
    if not await tx.scalar(select(text("pg_try_advisory_xact_lock(:lock)")).params(lock=LOCK)):
        return 0
    result = await tx.execute(
        select(ledger).where(ledger.c.position.is_(None)).order_by(ledger.c.id).limit(ROWS_AT_ONCE)
    )
    heads: dict[str, Head] = {}
    links: list[dict[str, Any]] = []
    for row in result.mappings():
        owner = row["organisation_id"]
        head = heads.get(owner) or await _head(tx, owner)
        fields = {name: row[name] for name in ("id", "at", "actor", "verb", "object", "payload_digest")}
        place = head.position + 1
        digest = digest_row(previous=head.digest, position=place, organisation_id=owner, **fields)
        links.append({"of": owner, "row": row["id"], "place": place, "before": head.digest, "own": digest})
        heads[owner] = Head(place, digest)
    if links:
        await tx.execute(_LINK, links)
    for owner in heads:
        await tree.grow(tx, owner, [(link["place"], link["own"]) for link in links if link["of"] == owner])
    return len(links)


async def _head(tx: AsyncConnection, organisation_id: str) -> Head:
    result = await tx.execute(
        select(ledger.c.position, ledger.c.digest)
        .where(ledger.c.organisation_id == organisation_id, ledger.c.position.is_not(None))
        .order_by(ledger.c.position.desc())
        .limit(1)
    )
    row = result.first()
    return Head(row.position, row.digest) if row else genesis(organisation_id)


_LINK = (
    update(ledger)
    .where(
        ledger.c.organisation_id == bindparam("of"),
        ledger.c.id == bindparam("row"),
        ledger.c.position.is_(None),
    )
    .values(position=bindparam("place"), previous=bindparam("before"), digest=bindparam("own"))
)
