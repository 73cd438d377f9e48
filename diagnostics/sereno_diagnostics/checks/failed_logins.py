"""Failed logins lately: how many, for whom and from where, from the journal or the system's login log."""

from collections import Counter

from sereno_diagnostics import journal, logins
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import LOG_TAIL_BYTES_MAX
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Failed logins"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="24", minimum=1, maximum=2160),)
READS = ("journal_logins", "/var/log/auth.log", "/var/log/secure")
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "100 or more, or 20 of one name", "note": "10 or more"}
FIGURES = {"failed": "failed logins", "sources": "addresses they came from", "accepted": "logins that succeeded"}
ROWS_SHOWN = 12
_LEVELS = ((100.0, SERIOUS), (10.0, NOTE))
_ONE_NAME = 20


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, names and addresses as evidence. The login log's end counts, whatever its age."""
    told = reader.told("journal_logins", hours=f"{values['hours']:.0f}")
    lines = [row.text for row in journal.rows(told or "")]
    where = "journal"
    for path in ("/var/log/auth.log", "/var/log/secure"):
        if not lines and (text := reader.end_of(path, LOG_TAIL_BYTES_MAX)) is not None:
            lines, where = text.splitlines(), path
    if told is None and where == "journal":
        return untold("Failed logins", "this user may read neither the journal nor the login log")
    attempts = [attempt for line in lines if (attempt := logins.parse(line)) is not None]
    failed = [attempt for attempt in attempts if not attempt.accepted]
    people, sources = Counter(one.user for one in failed), Counter(one.source for one in failed if one.source)
    worst = people.most_common(1)
    severity = max(graded(len(failed), _LEVELS), SERIOUS if worst and worst[0][1] >= _ONE_NAME else FINE)
    return [
        finding(
            severity,
            f"{counted(len(failed), 'failed login')}, most for {worst[0][0]}" if failed else "No failed logins",
            advice="Allow keys only, and close the port to where nobody of yours comes from."
            if severity > FINE
            else "",
            evidence=[
                ("looked into", where),
                *((f"user {name}", counted(count, "time")) for name, count in people.most_common(ROWS_SHOWN)),
                *((f"from {name}", counted(count, "time")) for name, count in sources.most_common(ROWS_SHOWN)),
            ],
            figures={"failed": len(failed), "sources": len(sources), "accepted": len(attempts) - len(failed)},
        )
    ]
