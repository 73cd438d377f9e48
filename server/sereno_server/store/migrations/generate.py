"""Writes versions/0001_initial.sql anew from tables.py: `python -m sereno_server.store.migrations.generate`.

Until the first release there is this one migration, written by the machine; a test fails when it is stale. After the
release it is frozen, and each change of tables.py comes with a migration of its own.
"""

from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from sereno_server.store.tables import metadata

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
TARGET = Path(__file__).parent / "versions" / "0001_initial.sql"
# Null where no transaction has set it, and then nothing matches. The subselect makes it one look-up a statement.
_SCOPE = "(SELECT current_setting('sereno.organisation', true))"
_VISIBLE = f"organisation_id = {_SCOPE} OR {_SCOPE} = '*'"


def statements() -> list[str]:
    """Every table, its indexes, and row-level security where rows belong to an organisation."""
    made: list[str] = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=_DIALECT)).strip())
        made += [
            str(CreateIndex(index).compile(dialect=_DIALECT)).strip()
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
        made += _row_level_security(table)
    return made


def _row_level_security(table: Table) -> list[str]:
    if "organisation_id" not in table.columns:
        return []
    return [
        f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY organisation ON {table.name} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE})",
    ]


def rendered() -> str:
    """The whole file."""
    return "".join(statement.replace("\t", "    ").replace(" \n", "\n") + ";\n\n" for statement in statements())


if __name__ == "__main__":
    TARGET.write_text(rendered())
