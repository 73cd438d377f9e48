"""Writes the SQL of migrations that only add tables or columns: `python -m sereno_server.store.migrations.generate`.

What a released migration says is frozen; a change of a table comes with a migration of its own, written by hand, and
then its table's line here is taken out. A test fails when a file is stale, or when all do not make the tables.
"""

from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from sereno_server.store.tables import metadata

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
VERSIONS = Path(__file__).parent / "versions"
# Tables that came later, by the migration that brings them.
ADDED = {
    "0003_facts": ("facts", "inventories"),
    "0004_logs": ("log_blocks", "log_lines"),
    "0005_anomalies": ("anomalies",),
    "0006_wishes": ("wishes",),
    "0007_scoreboard": ("mutes", "ratings"),
    "0009_conditions": ("conditions",),
    "0010_degradation": ("degradation_days", "degradations", "organisation_days"),
    "0011_differences": ("anomaly_causes", "differences"),
    "0008_rollups": ("rollup_due", "rollups_1h", "rollups_5m"),
    "0014_checkpoints": ("ledger_nodes", "checkpoints"),
    "0015_rollouts": ("rollouts",),
    "0016_schedules": ("schedules",),
    "0017_grants": ("grants", "grant_signatures", "grant_devices"),
    "0019_device_names": ("device_names",),
    "0018_approving": ("contacts", "approval_notices"),
}
# Columns that came later than their table, by the migration that brings them.
COLUMNS = {
    "0010_degradation": ("forecasts.first_confidence",),
    "0012_redacted_lines": ("log_blocks.redacted",),  # by hand,
    "0015_rollouts": ("runs.rollout_id", "runs.ring"),
    "0017_grants": ("runs.grant_id",),
    "0018_approving": ("organisations.later_roots",),
}
# Columns that have another name now, and the one they were made with; a migration by hand renamed them.
RENAMED = {"signatures.armored": "sshsig"}
# Null where no transaction has set it, and then nothing matches. The subselect makes it one look-up a statement.
_SCOPE = "(SELECT current_setting('sereno.organisation', true))"
_VISIBLE = f"organisation_id = {_SCOPE} OR {_SCOPE} = '*'"


def tables(migration: str) -> list[Table]:
    """The tables of one migration, in the order in which they can be made; the first has those that no other names."""
    later = {name for names in ADDED.values() for name in names}
    return [
        table
        for table in metadata.sorted_tables
        if (table.name in ADDED[migration] if migration in ADDED else table.name not in later)
    ]


def statements(migration: str) -> list[str]:
    """Every table, its indexes, and row-level security where rows belong to an organisation."""
    made = [_add_column(*name.split(".")) for name in COLUMNS.get(migration, ())]
    for table in tables(migration):
        made.append(_create(table))
        made += [
            str(CreateIndex(index).compile(dialect=_DIALECT)).strip()
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
        made += _row_level_security(table)
    return made


def _create(table: Table) -> str:
    """The table as it was first made: without the columns that came later, under the names that they had then."""
    later = {tuple(name.split(".")) for names in COLUMNS.values() for name in names}
    kept = []
    for line in str(CreateTable(table).compile(dialect=_DIALECT)).strip().split("\n"):
        column = line.strip().split(" ", 1)[0]
        if (table.name, column) not in later:
            kept.append(line.replace(column, RENAMED.get(f"{table.name}.{column}", column), 1))
    return "\n".join(kept)


def _add_column(table: str, column: str) -> str:
    kind = metadata.tables[table].columns[column].type.compile(dialect=_DIALECT)
    return f"ALTER TABLE {table} ADD COLUMN {column} {kind}"


def _row_level_security(table: Table) -> list[str]:
    if "organisation_id" not in table.columns:
        return []
    return [
        f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY organisation ON {table.name} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE})",
    ]


def rendered(migration: str) -> str:
    """The whole file."""
    made = (statement.replace("\t", "    ").replace(" \n", "\n") for statement in statements(migration))
    return "".join(statement + ";\n\n" for statement in made)


def files() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    return {VERSIONS / f"{name}.sql": rendered(name) for name in ("0001_initial", *ADDED)}


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
