"""An organisation's ledger as others can verify it: rows up to a checkpoint, or one row with its proof."""

import base64
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.checkpoint import read_checkpoint
from sereno_proto.errors import BadInput
from sereno_server.audit import checkpoints, tree
from sereno_server.audit.standalone import FORMAT
from sereno_server.store.tables import ledger

ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Part:
    """Some rows of an export, in order; `next` is the position to go on after, 0 at the end."""

    items: list[dict[str, Any]]
    next: int


async def header(tx: AsyncConnection, organisation_id: str, verifier_key: str) -> dict[str, Any]:
    """The first line of an export: its format and the newest checkpoint. Raises E_NOT_FOUND when there is none yet."""
    newest = await checkpoints.newest(tx, organisation_id)
    if newest is None:
        raise BadInput("E_NOT_FOUND", "the ledger has no checkpoint yet", "one is signed within seconds; try again")
    return {"format": FORMAT, "checkpoint": newest[1].decode(), "verifier_key": verifier_key}


async def rows(tx: AsyncConnection, organisation_id: str, after: int, upto: int) -> Part:
    """The rows after a position, up to another."""
    result = await tx.execute(
        select(ledger)
        .where(ledger.c.organisation_id == organisation_id, ledger.c.position > after, ledger.c.position <= upto)
        .order_by(ledger.c.position)
        .limit(ROWS_AT_ONCE)
    )
    items = [_plain(dict(row)) for row in result.mappings()]
    return Part(items, items[-1]["position"] if len(items) == ROWS_AT_ONCE else 0)


async def one(tx: AsyncConnection, organisation_id: str, position: int, verifier_key: str) -> dict[str, Any]:
    """One row with the proof that it is in the newest checkpoint; raises E_NOT_FOUND."""
    first = await header(tx, organisation_id, verifier_key)
    size = read_checkpoint(str(first["checkpoint"]).encode()).size
    found = await rows(tx, organisation_id, position - 1, min(position, size))
    if not found.items:
        raise BadInput("E_NOT_FOUND", f"the newest checkpoint has no row {position}")
    proof = await tree.inclusion(tx, organisation_id, position, size)
    return {**first, "row": found.items[0], "proof": [base64.b64encode(hash_).decode() for hash_ in proof]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    del row["organisation_id"]
    return {**row, "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds")}
