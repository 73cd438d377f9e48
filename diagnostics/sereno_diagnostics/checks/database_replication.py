"""Whether replicas are connected and how far they are behind; on a replica, how old its data is."""

from sereno_diagnostics import statements
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, bytes_text, counted, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Replication"
PARAMETERS = (Parameter("database", "database", "a database of agent.toml"),)
READS = ("query",)
TIMEOUT_S = 45.0
SEVERITIES = {"failing": "10 minutes behind", "serious": "a minute behind, or 1 GB", "note": "10 s behind"}
FIGURES = {
    "replicas": "replicas connected to this one",
    "is_replica": "1 when this one is a replica, else 0",
    "lag_s": "how far the slowest is behind, or this one",
    "lag_bytes": "how much the slowest has not yet applied",
}
_LEVELS = ((600.0, FAILING), (60.0, SERIOUS), (10.0, NOTE))
_MUCH = 1e9


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, a replica a row. PostgreSQL only."""
    database = reader.allowed.database(str(values["database"]))
    if database.kind != "postgresql":
        return untold(f"Replication of {database.name}", "this check asks PostgreSQL only")
    answer, own = statements.ask(reader, database, "replicas"), statements.ask(reader, database, "replica")
    if answer.error or own.error:
        return statements.failed(database, answer if answer.error else own)
    replica = bool(own.rows and own.rows[0].get("replica"))
    rows = [
        (
            str(row.get("name")),
            statements.number(row, "lag_s"),
            statements.number(row, "lag_bytes"),
            str(row.get("state")),
        )
        for row in answer.rows
    ]
    lag = max([row[1] for row in rows] + [statements.number(own.rows[0], "lag_s") if replica else 0.0])
    behind = max((row[2] for row in rows), default=0.0)
    severity = max(graded(lag, _LEVELS), SERIOUS if behind >= _MUCH else FINE)
    who = "is a replica" if replica else f"has {counted(len(rows), 'replica')}"
    return [
        finding(
            severity,
            f"{database.name} {who}" + (f", {lag:.0f} s behind" if replica or rows else ""),
            advice="Look at the network between them, and at long queries on the replica." if severity > FINE else "",
            evidence=[
                (name, f"{state}, {seconds:.0f} s, {bytes_text(size)} behind") for name, seconds, size, state in rows
            ],
            figures={"replicas": len(rows), "is_replica": replica, "lag_s": lag, "lag_bytes": behind},
        )
    ]
