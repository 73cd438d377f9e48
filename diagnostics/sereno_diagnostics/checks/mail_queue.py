"""Mail that waits in the queues of Postfix and Exim."""

from sereno_diagnostics import mail_queues
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Mail queue"
PARAMETERS = ()
READS = mail_queues.READS
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "1000 messages or more wait", "note": "50 or more"}
FIGURES = {"waiting": "messages in all queues", "deferred": "that could not be delivered yet (Postfix)"}
_LEVELS = ((1000.0, SERIOUS), (50.0, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a queue a row."""
    queues = mail_queues.counts(reader)
    if not queues:
        return untold("Mail queues", "there is neither Postfix nor Exim, or this user may not look into their spool")
    waiting = sum(queues.values())
    severity = graded(waiting, _LEVELS)
    return [
        finding(
            severity,
            f"{counted(waiting, 'message')} waiting" if waiting else "No mail waits",
            advice="Look at why: the mail log says it for each address." if severity > FINE else "",
            evidence=[(queue, str(count)) for queue, count in queues.items()],
            figures={"waiting": waiting, "deferred": queues.get("deferred", 0)},
        )
    ]
