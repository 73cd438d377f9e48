"""Whether an address of the policy answers with what it should, and how fast."""

from sereno_diagnostics.findings import FAILING, NOTE, SERIOUS, finding, graded
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "HTTP probe"
PARAMETERS = (Parameter("url", "url", "the address to fetch"),)
READS = ("fetch",)
SEVERITIES = {"failing": "no answer, another status, or another content", "serious": "3 s or longer", "note": "1 s"}
FIGURES = {"ok": "1 when the answer is what it should be, else 0", "status": "of the answer", "answer_ms": "how long"}
_LEVELS = ((3000.0, SERIOUS), (1000.0, NOTE))


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. The answer's content stays on the machine."""
    wanted = reader.allowed.url(str(values["url"]))
    answer = reader.probe("fetch").fetch(wanted.url, PROBE_TIMEOUT_S)
    wrong = ""
    if answer.error or not answer.status:
        wrong = f"gives no answer: {answer.error}"
    elif answer.status != wanted.status:
        wrong = f"answers {answer.status}, not {wanted.status}"
    elif wanted.contains not in answer.body:
        wrong = f"answers {answer.status} without {wanted.contains!r} in it"
    milliseconds = answer.seconds * 1000
    return [
        finding(
            FAILING if wrong else graded(milliseconds, _LEVELS),
            f"{wanted.name} {wrong or f'answers {answer.status} in {milliseconds:.0f} ms'}",
            advice="Look at the service behind it, then at what lies before it." if wrong else "",
            evidence=[("url", wanted.url), ("content type", answer.content_type)],
            figures={"ok": not wrong, "status": answer.status, "answer_ms": milliseconds},
        )
    ]
