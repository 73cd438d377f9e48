import asyncio

import psycopg
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sereno_proto.errors import SerenoError
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import accounts, metadata, organisations

pytestmark = pytest.mark.slow


def _organisation(name: str) -> dict[str, object]:
    return {"organisation_id": name, "name": name, "root_text": b"", "root_signatures": []}


def test_a_scope_sees_and_writes_only_its_own_rows(store: Store) -> None:
    async def story() -> None:
        async with store.transaction(Scope.system()) as tx:
            await tx.execute(insert(organisations), [_organisation("org_a"), _organisation("org_b")])
        async with store.transaction(Scope("org_a")) as tx:
            assert (await tx.execute(select(organisations.c.name))).scalars().all() == ["org_a"]
            changed = await tx.execute(organisations.update().values(name="mine"))
            assert changed.rowcount == 1
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with store.transaction(Scope("org_a")) as tx:
                await tx.execute(insert(organisations).values(**_organisation("org_c")))
        async with store.transaction(Scope.system()) as tx:
            names = (await tx.execute(select(organisations.c.name).order_by("name"))).scalars().all()
            assert names == ["mine", "org_b"]

    asyncio.run(story())


def test_an_account_of_every_organisation_is_seen_by_the_system_only(store: Store) -> None:
    async def story() -> None:
        row = {"id": "acc_1", "name": "ada", "display_name": "Ada", "role": "administrator", "organisation_id": None}
        async with store.transaction(Scope.system()) as tx:
            await tx.execute(insert(accounts).values(**row))
        async with store.transaction(Scope("org_a")) as tx:
            assert (await tx.execute(select(accounts))).all() == []

    asyncio.run(story())


def test_no_scope_sees_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT set_config('sereno.organisation', '*', false)")
        connection.execute(
            "INSERT INTO organisations (organisation_id, name, root_text, root_signatures) VALUES ('a', 'a', '', '[]')"
        )
        connection.commit()
        connection.execute("RESET sereno.organisation")
        assert connection.execute("SELECT count(*) FROM organisations").fetchone() == (0,)


def test_every_table_with_an_organisation_is_guarded_and_the_role_cannot_step_around(store: Store) -> None:
    async def story() -> None:
        async with store.transaction(Scope.system()) as tx:
            guarded = await tx.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND NOT relispartition"
                    " ORDER BY relname"
                )
            )
            open_partitions = await tx.execute(
                text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND NOT relforcerowsecurity")
            )
            assert open_partitions.scalars().all() == []
            expected = sorted(table.name for table in metadata.sorted_tables if "organisation_id" in table.columns)
            assert guarded.scalars().all() == expected
            role = await tx.execute(
                text("SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
            )
            assert role.scalar_one() is False

    asyncio.run(story())


def test_a_failing_block_leaves_nothing(store: Store) -> None:
    async def story() -> None:
        with pytest.raises(DBAPIError):  # noqa: PT012 (the block is the transaction)
            async with store.transaction(Scope.system()) as tx:
                await tx.execute(insert(organisations).values(**_organisation("org_a")))
                await tx.execute(text("SELECT 1/0"))
        async with store.transaction(Scope.system()) as tx:
            assert (await tx.execute(select(organisations))).all() == []

    asyncio.run(story())


def test_an_empty_scope_is_refused(store: Store) -> None:
    async def story() -> None:
        with pytest.raises(SerenoError, match="without a scope"):
            async with store.transaction(Scope("")):
                pass

    asyncio.run(story())


def test_a_database_that_does_not_answer_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(SerenoError) as caught:
        asyncio.run(Store.open(f"postgresql://nobody:x@/none?host={tmp_path}"))
    assert caught.value.code == "E_POSTGRESQL"
