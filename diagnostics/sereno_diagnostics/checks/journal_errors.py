"""Errors in the journal, grouped by template: the constant part of similar messages, with how often and by whom."""

from sereno_diagnostics import journal, templates
from sereno_diagnostics.findings import NOTE, SERIOUS, ago, counted, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Errors in the journal"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="24", minimum=1, maximum=2160),)
READS = ("journal_errors",)
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "100 errors or more", "note": "any"}
FIGURES = {"errors": "messages of severity error and worse, of the last 2000", "templates": "different ones"}
ROWS_SHOWN = 16
_LEVELS = ((100.0, SERIOUS), (1.0, NOTE))


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, a template a row, the most frequent first."""
    told = reader.told("journal_errors", hours=f"{values['hours']:.0f}")
    if told is None:
        return untold("Errors in the journal", "there is no journal, or this user may not read it")
    rows = list(journal.rows(told))
    groups = templates.grouped((row.at_s, row.source, row.text) for row in rows)
    now = reader.now_s()
    most = f", most often from {groups[0].source}" if groups else ""
    return [
        finding(
            graded(len(rows), _LEVELS),
            f"{counted(len(rows), 'error')} of {counted(len(groups), 'kind')}{most}" if rows else "No errors",
            advice="Begin with the kind that began last, and with what changed before it." if rows else "",
            evidence=[
                (f"{one.source}: {one.template}", f"{counted(one.times, 'time')}, last {ago(now - one.last_s)}")
                for one in groups[:ROWS_SHOWN]
            ],
            figures={"errors": len(rows), "templates": len(groups)},
        )
    ]
