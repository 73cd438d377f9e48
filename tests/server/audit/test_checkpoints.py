"""Checkpoints of a real ledger: proven as it grows, contradicted as soon as anybody changes what was witnessed."""

import asyncio
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select, update
from tests.server.audit.test_ledger import ORG, chained, tamper, write

from sereno_proto import merkle
from sereno_proto.checkpoint import contradiction, read_checkpoint
from sereno_proto.checkpoint_signature import verify_checkpoint
from sereno_server.audit import checkpoints, tree
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import ledger, ledger_nodes, organisations

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()


async def organisation(store: Store, organisation_id: str = ORG) -> None:
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(
            organisations.insert().values(organisation_id=organisation_id, name="a", root_text=b"", root_signatures=[])
        )


async def signed(store: Store) -> int:
    async with store.transaction(Scope.system()) as tx:
        return await checkpoints.sign_all(tx, KEY, NOW)


async def head(store: Store):
    async with store.transaction(Scope(ORG)) as tx:
        newest = await checkpoints.newest(tx, ORG)
    assert newest is not None
    return newest


async def proof(store: Store, old: int, size: int):
    async with store.transaction(Scope(ORG)) as tx:
        return await tree.consistency(tx, ORG, old, size)


def test_each_growth_is_signed_once_and_proven_from_every_earlier_head(store: Store) -> None:
    async def story() -> None:
        await organisation(store)
        assert await signed(store) == 0
        heads = []
        for count in (1, 2, 5, 1, 13):
            await write(store, count)
            await chained(store)
            assert (await signed(store), await signed(store)) == (1, 0)
            heads.append(verify_checkpoint((await head(store))[1], KEY.public_key()))
        assert [one.size for one in heads] == [1, 3, 8, 9, 22]
        for old in heads:
            assert contradiction(old, heads[-1], await proof(store, old.size, 22)) == ""

    asyncio.run(story())


def test_every_row_is_proven_to_be_in_it(store: Store) -> None:
    async def story() -> None:
        await organisation(store)
        await write(store, 11)
        await chained(store)
        await signed(store)
        checkpoint = read_checkpoint((await head(store))[1])
        async with store.transaction(Scope(ORG)) as tx:
            digests = list((await tx.execute(select(ledger.c.digest).order_by(ledger.c.position))).scalars())
            for position, digest in enumerate(digests, 1):
                path = await tree.inclusion(tx, ORG, position, checkpoint.size)
                leaf = merkle.leaf_hash(digest.encode())
                assert merkle.verify_inclusion(leaf, position - 1, checkpoint.size, path, checkpoint.root)

    asyncio.run(story())


def test_a_ledger_of_before_there_were_trees_is_caught_up_with(store: Store) -> None:
    async def story() -> None:
        await organisation(store)
        await write(store, 6)
        await chained(store)
        await signed(store)
        before = (await head(store))[1]
        await tamper(store, "DELETE FROM ledger_nodes")
        await tamper(store, "DELETE FROM checkpoints")
        await write(store, 1)
        await chained(store)
        await signed(store)
        old, new = read_checkpoint(before), read_checkpoint((await head(store))[1])
        assert contradiction(old, new, await proof(store, 6, 7)) == ""

    asyncio.run(story())


REWRITES = {
    "a row edited": "UPDATE ledger SET actor = 'iker' WHERE position = 2",
    "a row deleted": "DELETE FROM ledger WHERE position = 5",
    "the whole ledger": "UPDATE ledger SET actor = 'iker'",
}


@pytest.mark.parametrize("name", REWRITES)
def test_an_attacker_who_chains_and_signs_all_anew_contradicts_what_was_witnessed(store: Store, name: str) -> None:
    async def story() -> None:
        await organisation(store)
        await write(store, 5)
        await chained(store)
        await signed(store)
        witnessed = read_checkpoint((await head(store))[1])
        await tamper(store, REWRITES[name])
        await tamper(store, "DELETE FROM ledger_nodes")
        await tamper(store, "DELETE FROM checkpoints")
        async with store.transaction(Scope.system()) as tx:  # with the server's own code and key
            await tx.execute(update(ledger).values(position=None, previous=None, digest=None))
        await chained(store)
        await write(store, 3)
        await chained(store)
        await signed(store)
        size, note = await head(store)
        assert contradiction(witnessed, read_checkpoint(note), await proof(store, 5, size))

    asyncio.run(story())


def test_nodes_are_written_once(store: Store) -> None:
    async def story() -> None:
        await organisation(store)
        await write(store, 70)
        await chained(store)
        async with store.transaction(Scope(ORG)) as tx:
            nodes = await tx.scalar(select(func.count()).select_from(ledger_nodes))
            leaves = await tx.scalar(select(func.count()).where(ledger_nodes.c.level == 0))
        assert leaves == 70
        assert nodes == sum(70 >> level for level in range(7))

    asyncio.run(story())
