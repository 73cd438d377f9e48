"""Statements that run for long right now, and transactions that have stayed open."""

from sereno_diagnostics import statements
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, graded
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Slow queries"
PARAMETERS = (
    Parameter("database", "database", "a database of agent.toml"),
    Parameter("seconds", "number", "from how long on", default="30", minimum=1, maximum=86400),
)
READS = ("query",)
TIMEOUT_S = 45.0
SEVERITIES = {"serious": "one runs for 10 minutes or longer", "note": "one runs for so long"}
FIGURES = {"slow": "statements that run for so long", "longest_s": "how long the first of them has run"}
_LEVELS = ((600.0, SERIOUS),)


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding; statements are named by their beginning, without values."""
    database = reader.allowed.database(str(values["database"]))
    answer = statements.ask(reader, database, "running")
    if answer.error:
        return statements.failed(database, answer)
    rows = [(statements.number(row, "seconds"), row) for row in answer.rows]
    slow = [(seconds, row) for seconds, row in rows if seconds >= float(values["seconds"])]
    longest = max((seconds for seconds, _ in rows), default=0.0)
    title = f"{database.name}: {counted(len(slow), 'statement')} running for {longest:.0f} s at most"
    return [
        finding(
            max(graded(longest, _LEVELS), NOTE) if slow else FINE,
            title if slow else f"{database.name}: nothing runs for {values['seconds']:g} s",
            advice="Look at its plan (EXPLAIN), and at what it waits for." if slow else "",
            evidence=[
                (str(row.get("who")), f"{seconds:.0f} s, {row.get('state')}, {statements.shape(row.get('statement'))}")
                for seconds, row in slow
            ],
            figures={"slow": len(slow), "longest_s": longest},
        )
    ]
