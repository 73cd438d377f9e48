"""Tables full of dead rows that nobody cleared away, and when they were cleared last."""

from sereno_diagnostics import statements
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, bytes_text, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Bloat"
PARAMETERS = (Parameter("database", "database", "a database of agent.toml"),)
READS = ("query",)
TIMEOUT_S = 45.0
SEVERITIES = {"serious": "a large table is half dead", "note": "one is a fifth dead"}
FIGURES = {"worst_dead_percent": "dead rows of the worst table", "free_percent": "SQLite: pages that hold nothing"}
_SERIOUS, _NOTED, _LARGE_BYTES = 50.0, 20.0, 100_000_000


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, the worst tables as evidence. PostgreSQL and SQLite."""
    database = reader.allowed.database(str(values["database"]))
    if database.kind == "mysql":
        return untold(f"Bloat of {database.name}", "this check asks PostgreSQL and SQLite only")
    answer = statements.ask(reader, database, "bloat")
    if answer.error:
        return statements.failed(database, answer)
    rows = [(statements.number(row, "dead_percent"), statements.number(row, "bytes"), row) for row in answer.rows]
    percent, size, worst = max(rows, key=lambda row: row[0], default=(0.0, 0.0, {}))
    figure = "free_percent" if database.kind == "sqlite" else "worst_dead_percent"
    severity = SERIOUS if percent >= _SERIOUS and size >= _LARGE_BYTES else NOTE if percent >= _NOTED else FINE
    title = f"{database.name}: {worst.get('name')} is {percent:.0f} % dead" if severity > FINE else ""
    return [
        finding(
            severity,
            title or f"{database.name}: no table is worth clearing",
            advice="Clear it (VACUUM), and see what keeps autovacuum from it: long transactions."
            if severity > FINE
            else "",
            evidence=[
                (
                    str(row.get("name")),
                    f"{share:.0f} % dead, {bytes_text(whole)}, cleared {row.get('cleared') or 'never'}",
                )
                for share, whole, row in rows
            ],
            figures={figure: percent},
        )
    ]
