"""Errors at the end of a log of the policy, grouped by template."""

from sereno_diagnostics import templates
from sereno_diagnostics.findings import NOTE, SERIOUS, counted, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import LOG_TAIL_BYTES_MAX
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Errors in a log"
PARAMETERS = (Parameter("log", "log", "the log source to look into"),)
READS = ()
SEVERITIES = {"serious": "one line in ten is an error", "note": "any"}
FIGURES = {"lines": "lines looked at", "errors": "of them errors", "templates": "different ones"}
ROWS_SHOWN = 16
_LEVELS = ((0.1, SERIOUS), (1e-9, NOTE))


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding over the last megabyte of each of the newest files, a template a row."""
    log = reader.allowed.log(str(values["log"]))
    ends = reader.log_end(log, LOG_TAIL_BYTES_MAX)
    if not ends:
        return untold(f"Errors in {log.name}", "no file of it may be read")
    lines = [(name, line) for path, text in ends for name in (path.rpartition("/")[2],) for line in text.splitlines()]
    wrong = [(0.0, name, line) for name, line in lines if templates.is_error(line)]
    groups = templates.grouped(wrong)
    title = f"{counted(len(wrong), 'error')} of {counted(len(groups), 'kind')} in {counted(len(lines), 'line')}"
    return [
        finding(
            graded(len(wrong) / max(len(lines), 1), _LEVELS),
            f"{log.name}: {title}" if wrong else f"{log.name}: no errors in {counted(len(lines), 'line')}",
            evidence=[(f"{one.source}: {one.template}", counted(one.times, "time")) for one in groups[:ROWS_SHOWN]],
            figures={"lines": len(lines), "errors": len(wrong), "templates": len(groups)},
        )
    ]
