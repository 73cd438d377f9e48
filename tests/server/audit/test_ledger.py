"""The ledger against a real database: written with the mutation, chained once, verified."""

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy import text

from sereno_server.audit.chain import Head
from sereno_server.audit.ledger import record
from sereno_server.audit.sequence import chain
from sereno_server.audit.verify import Verdict, verify
from sereno_server.store.engine import Scope, Store

pytestmark = pytest.mark.slow
ORG = "org_a"
SWAP = "UPDATE ledger SET position = CASE position WHEN 2 THEN -3 ELSE -2 END WHERE position IN (2, 3)"


async def write(store: Store, count: int, organisation_id: str = ORG) -> None:
    async with store.transaction(Scope(organisation_id)) as tx:
        for number in range(count):
            await record(tx, organisation_id, "noa", "ticket.read", f"tkt_{number}", {"n": number, "share": 0.1})


async def chained(store: Store) -> int:
    async with store.transaction(Scope.system()) as tx:
        return await chain(tx)


async def verdict(store: Store, witness: Head | None = None, organisation_id: str = ORG) -> Verdict:
    async with store.transaction(Scope(organisation_id)) as tx:
        return await verify(tx, organisation_id, witness)


async def tamper(store: Store, statement: str, **values: Any) -> None:
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(text(statement), values)


def test_an_untouched_chain_is_sound(store: Store) -> None:
    async def story() -> None:
        await write(store, 3)
        assert (await verdict(store)).waiting == 3
        assert await chained(store) == 3
        await write(store, 2)
        assert await chained(store) == 2
        assert await chained(store) == 0
        found = await verdict(store)
        assert (found.sound, found.head.position, found.waiting) == (True, 5, 0)

    asyncio.run(story())


def test_a_rolled_back_mutation_leaves_no_row(store: Store) -> None:
    async def story() -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with store.transaction(Scope(ORG)) as tx:
                await record(tx, ORG, "noa", "run.sign", "run_1")
                raise ZeroDivisionError
        assert await chained(store) == 0

    asyncio.run(story())


def test_each_organisation_has_a_chain_of_its_own(store: Store) -> None:
    async def story() -> None:
        await write(store, 2)
        await write(store, 3, "org_b")
        await chained(store)
        assert (await verdict(store)).head.position == 2
        assert (await verdict(store, organisation_id="org_b")).head.position == 3

    asyncio.run(story())


def test_two_sequencers_at_once_chain_every_row_once(store: Store) -> None:
    async def story() -> None:
        await write(store, 50)
        counts = await asyncio.gather(*(chained(store) for _ in range(4)))
        assert sum(counts) == 50
        assert (await verdict(store)).sound

    asyncio.run(story())


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE ledger SET actor = 'mallory' WHERE position = 3", "edited"),
        ("UPDATE ledger SET at = at + interval '1 hour' WHERE position = 3", "edited"),
        ("UPDATE ledger SET payload = '{\"n\": 99}' WHERE position = 3", "payload_edited"),
        ("DELETE FROM ledger WHERE position = 3", "missing"),
        ("DELETE FROM ledger WHERE position BETWEEN 2 AND 4", "missing"),
        ("DELETE FROM ledger WHERE position = 1", "missing"),
        (f"{SWAP}; UPDATE ledger SET position = -position WHERE position < 0", "reordered"),
    ],
)
def test_tampering_shows(store: Store, statement: str, kind: str) -> None:
    async def story() -> None:
        await write(store, 5)
        await chained(store)
        for part in statement.split(";"):
            await tamper(store, part)
        found = await verdict(store)
        assert kind in {fault.kind for fault in found.faults}

    asyncio.run(story())


def test_an_erased_payload_breaks_nothing(store: Store) -> None:
    async def story() -> None:
        await write(store, 3)
        await chained(store)
        await tamper(store, "UPDATE ledger SET payload = NULL WHERE position = 2")
        assert (await verdict(store)).sound

    asyncio.run(story())


def test_a_witness_sees_a_cut_off_end_and_a_chain_written_anew(store: Store) -> None:
    async def story() -> None:
        await write(store, 4)
        await chained(store)
        witness = (await verdict(store)).head
        await tamper(store, "DELETE FROM ledger WHERE position > 2")
        assert (await verdict(store)).sound  # nothing inside shows it ...
        assert [fault.kind for fault in (await verdict(store, witness)).faults] == ["truncated"]  # ... a witness does
        await write(store, 2)
        await chained(store)
        assert [fault.kind for fault in (await verdict(store, witness)).faults] == ["rewritten"]

    asyncio.run(story())
