"""Statements that wait for locks, how long, and who holds what they wait for."""

from sereno_diagnostics import statements
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, graded
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Database locks"
PARAMETERS = (Parameter("database", "database", "a database of agent.toml"),)
READS = ("query",)
TIMEOUT_S = 45.0
SEVERITIES = {"serious": "one waits for a minute or longer", "note": "one waits"}
FIGURES = {"waiting": "statements that wait", "longest_s": "how long the first of them has waited"}
_LEVELS = ((60.0, SERIOUS),)


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, who waits for whom as evidence; statements are named by their beginning, without values."""
    database = reader.allowed.database(str(values["database"]))
    answer = statements.ask(reader, database, "locks")
    if answer.error:
        return statements.failed(database, answer)
    rows = [(statements.number(row, "seconds"), row) for row in answer.rows]
    longest = max((seconds for seconds, _ in rows), default=0.0)
    title = f"{database.name}: {counted(len(rows), 'statement')} waiting for locks, the longest {longest:.0f} s"
    return [
        finding(
            max(graded(longest, _LEVELS), NOTE) if rows else FINE,
            title if rows else f"{database.name}: nothing waits for a lock",
            advice="See what the blocking session does; end it there, not here." if rows else "",
            evidence=[
                (
                    f"{row.get('waiter')} for {row.get('holder')}",
                    f"{seconds:.0f} s, {statements.shape(row.get('statement'))}",
                )
                for seconds, row in rows
            ],
            figures={"waiting": len(rows), "longest_s": longest},
        )
    ]
