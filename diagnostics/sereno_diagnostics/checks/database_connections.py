"""How many of a database's connections are taken, by whom, and how many sit idle within a transaction."""

from sereno_diagnostics import statements
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Database connections"
PARAMETERS = (Parameter("database", "database", "a database of agent.toml"),)
READS = ("query",)
TIMEOUT_S = 45.0
SEVERITIES = {"failing": "95 % are taken", "serious": "85 %", "note": "70 %, or 5 sit idle within a transaction"}
FIGURES = {
    "used": "connections taken",
    "maximum": "how many there may be",
    "used_percent": "used of maximum",
    "idle_in_transaction": "that hold what they have locked and do nothing; missing for MySQL",
}
_LEVELS = ((95.0, FAILING), (85.0, SERIOUS), (70.0, NOTE))
_IDLE = 5


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, users with most connections as evidence."""
    database = reader.allowed.database(str(values["database"]))
    answer = statements.ask(reader, database, "connections")
    if answer.error:
        return statements.failed(database, answer)
    rows = [(str(row["name"]), statements.number(row, "used"), statements.number(row, "idle")) for row in answer.rows]
    maximum = max((statements.number(row, "maximum") for row in answer.rows), default=0.0)
    used, idle = sum(row[1] for row in rows), sum(row[2] for row in rows)
    if not maximum:
        return untold(f"Connections of {database.name}", "it does not say how many there may be")
    percent = 100 * used / maximum
    severity = max(graded(percent, _LEVELS), NOTE if idle >= _IDLE else FINE)
    figures = {"used": used, "maximum": maximum, "used_percent": percent}
    if database.kind == "postgresql":
        figures["idle_in_transaction"] = idle
    return [
        finding(
            severity,
            f"{database.name}: {used:.0f} of {maximum:.0f} connections are taken"
            + (f", {idle:.0f} of them idle within a transaction" if idle else ""),
            advice="Find who opens and does not close them; a pooler helps." if severity > FINE else "",
            evidence=[(name, f"{count:.0f}, {waiting:.0f} idle within a transaction") for name, count, waiting in rows],
            figures=figures,
        )
    ]
