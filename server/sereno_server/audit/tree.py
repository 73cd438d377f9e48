"""The Merkle tree over an organisation's chained rows, kept node by node, and the proofs that it gives.

A leaf is a row's digest, which covers its place, every field and the row before it. Nodes are written once, in the
transaction that chains the rows; a tree that lags behind its chain (rows of before there were trees) is caught up with.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import merkle
from sereno_server.store.tables import ledger, ledger_nodes

ROWS_AT_ONCE = 5000
_NONE = bytes(32)

Answer = TypeVar("Answer")
Place = tuple[int, int]


async def grow(tx: AsyncConnection, organisation_id: str, rows: Sequence[tuple[int, str]]) -> None:
    """Adds chained rows, (position, digest) in order; positions count from 1."""
    size = await size_of(tx, organisation_id)
    if rows[0][0] > size + 1:
        size = await _catch_up(tx, organisation_id, size, rows[0][0] - 1)
    await _append(tx, organisation_id, size, [digest for position, digest in rows if position > size])


async def size_of(tx: AsyncConnection, organisation_id: str) -> int:
    """How many rows the tree holds."""
    last = await tx.scalar(
        select(ledger_nodes.c.index)
        .where(ledger_nodes.c.organisation_id == organisation_id, ledger_nodes.c.level == 0)
        .order_by(ledger_nodes.c.index.desc())
        .limit(1)
    )
    return 0 if last is None else int(last) + 1


async def root(tx: AsyncConnection, organisation_id: str, size: int) -> bytes:
    """The root over the first `size` rows."""
    return await _with_nodes(tx, organisation_id, lambda node: merkle.root(size, node))


async def inclusion(tx: AsyncConnection, organisation_id: str, position: int, size: int) -> list[bytes]:
    """The proof that the row at a position is among the first `size`; ValueError when it is not."""
    return await _with_nodes(tx, organisation_id, lambda node: merkle.inclusion(position - 1, size, node))


async def consistency(tx: AsyncConnection, organisation_id: str, old: int, size: int) -> list[bytes]:
    """The proof that the first `old` rows are still the first of `size`; ValueError when there were never so many."""
    return await _with_nodes(tx, organisation_id, lambda node: merkle.consistency(old, size, node))


async def _with_nodes(tx: AsyncConnection, organisation_id: str, ask: Callable[[merkle.Node], Answer]) -> Answer:
    """Asks once to learn which nodes are needed, reads them in one statement, and asks again."""
    needed: set[Place] = set()

    def note(level: int, index: int) -> bytes:
        needed.add((level, index))
        return _NONE

    ask(note)
    found = await _read(tx, organisation_id, needed)
    return ask(lambda level, index: found[level, index])


async def _append(tx: AsyncConnection, organisation_id: str, size: int, digests: Sequence[str]) -> None:
    """Writes the nodes that these leaves complete. What lies to their left is read once."""
    edge = {(level, (size >> level) - 1) for level in range(size.bit_length()) if size >> level & 1}
    known = await _read(tx, organisation_id, edge)
    fresh: list[dict[str, object]] = []
    for number, digest in enumerate(digests, size):
        leaf = merkle.leaf_hash(digest.encode())
        for level, index, found in merkle.new_nodes(number, leaf, lambda level, index: known[level, index]):
            known[level, index] = found
            fresh.append({"organisation_id": organisation_id, "level": level, "index": index, "hash": found})
    if fresh:
        await tx.execute(insert(ledger_nodes), fresh)


async def _catch_up(tx: AsyncConnection, organisation_id: str, size: int, upto: int) -> int:
    while size < upto:
        result = await tx.execute(
            select(ledger.c.digest)
            .where(ledger.c.organisation_id == organisation_id, ledger.c.position > size, ledger.c.position <= upto)
            .order_by(ledger.c.position)
            .limit(ROWS_AT_ONCE)
        )
        digests = list(result.scalars())
        if not digests:
            return size  # rows are gone: the chain's own verification says so
        await _append(tx, organisation_id, size, digests)
        size += len(digests)
    return size


async def _read(tx: AsyncConnection, organisation_id: str, places: set[Place]) -> dict[Place, bytes]:
    if not places:
        return {}
    result = await tx.execute(
        select(ledger_nodes.c.level, ledger_nodes.c.index, ledger_nodes.c.hash).where(
            ledger_nodes.c.organisation_id == organisation_id,
            tuple_(ledger_nodes.c.level, ledger_nodes.c.index).in_(sorted(places)),
        )
    )
    return {(level, index): bytes(found) for level, index, found in result}
