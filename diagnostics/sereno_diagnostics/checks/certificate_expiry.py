"""When a certificate of the policy ends, from its file or from what listens."""

from datetime import UTC, datetime

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "End of a certificate"
PARAMETERS = (Parameter("certificate", "certificate", "the certificate"),)
READS = ("shake", "certificate")
SEVERITIES = {"failing": "it has ended", "serious": "within 7 days, or it cannot be read", "note": "within 21 days"}
FIGURES = {"left_s": "seconds until it ends; negative after", "left_days": "the same in days"}
_DAY_S = 86_400
_LEVELS = ((0.0, FAILING), (7.0, SERIOUS), (21.0, NOTE))


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. Of a file with several, the one that ends first counts."""
    wanted = reader.allowed.certificate(str(values["certificate"]))
    if wanted.path is not None:
        shown, error = reader.probe("certificate").certificates(str(wanted.path))
    else:
        host, _, port = wanted.listen.rpartition(":")
        handshake = reader.probe("shake").shake(host.strip("[]"), int(port), PROBE_TIMEOUT_S)
        shown, error = handshake.chain, handshake.error
    if error or not shown:
        return [finding(SERIOUS, f"{wanted.name} cannot be read: {error or 'nothing was shown'}")]
    first = min(shown, key=lambda one: one.not_after_s)
    left = (first.not_after_s - reader.now_s()) / _DAY_S
    until = datetime.fromtimestamp(first.not_after_s, UTC).date().isoformat()
    return [
        finding(
            next((severity for days, severity in _LEVELS if left <= days), FINE),
            f"{wanted.name} ended {-left:.0f} days ago"
            if left <= 0
            else f"{wanted.name} ends in {left:.0f} days, on {until}",
            advice="Renew it." if left <= _LEVELS[-1][0] else "",
            evidence=[("subject", first.subject), ("issuer", first.issuer), ("names", ", ".join(first.names))],
            figures={"left_s": left * _DAY_S, "left_days": left},
        )
    ]
