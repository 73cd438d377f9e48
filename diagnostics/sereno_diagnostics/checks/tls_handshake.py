"""What a TLS server of the policy shows: protocol, whether its chain is trusted here, names and end of validity."""

from datetime import UTC, datetime

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding, untold
from sereno_diagnostics.machine import Handshake
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "TLS handshake"
PARAMETERS = (Parameter("certificate", "certificate", "a certificate of the policy that listens at an address"),)
READS = ("shake",)
TIMEOUT_S = 30.0
SEVERITIES = {
    "failing": "no handshake, or no client here would trust it",
    "serious": "a certificate of the chain ends within 7 days, or TLS is older than 1.2",
    "note": "within 21 days",
}
FIGURES = {
    "handshake": "1 when there was one, else 0",
    "trusted": "1 when this machine trusts it, else 0",
    "left_s": "seconds until the first certificate of the chain ends",
    "chain": "certificates that it sent",
    "handshake_ms": "how long connecting and shaking hands took",
}
_DAY_S, _SOON_DAYS, _LATER_DAYS = 86_400, 7, 21
_OLD = {"TLSv1", "TLSv1.1", "SSLv3"}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, the chain as evidence."""
    certificate = reader.allowed.certificate(str(values["certificate"]))
    host, _, port = certificate.listen.rpartition(":")
    if not host:
        return untold(f"TLS of {certificate.name}", "the policy names a file, not an address that listens")
    shown = reader.probe("shake").shake(host.strip("[]"), int(port), PROBE_TIMEOUT_S)
    if shown.error:
        title = f"{certificate.name}: no handshake with {certificate.listen}: {shown.error}"
        return [finding(FAILING, title, figures={"handshake": 0, "trusted": 0})]
    now = reader.now_s()
    left = min((one.not_after_s for one in shown.chain), default=now) - now
    figures = {
        "handshake": 1, "trusted": not shown.distrust, "left_s": left, "chain": len(shown.chain),
        "handshake_ms": shown.seconds * 1000,
    }  # fmt: skip
    return [
        finding(
            _severity(shown, left),
            _title(certificate.name, shown, left),
            advice="Send the whole chain, and a certificate for this name." if shown.distrust else "",
            evidence=[
                ("protocol", f"{shown.protocol} {shown.cipher}"),
                *(("names", ", ".join(one.names)) for one in shown.chain[:1]),
                *((one.subject, f"by {one.issuer}, until {_day(one.not_after_s)}") for one in shown.chain),
            ],
            figures=figures,
        )
    ]


def _severity(shown: Handshake, left_s: float) -> Severity.ValueType:
    if shown.distrust or left_s <= 0:
        return FAILING
    if left_s < _SOON_DAYS * _DAY_S or shown.protocol in _OLD:
        return SERIOUS
    return NOTE if left_s < _LATER_DAYS * _DAY_S else FINE


def _title(name: str, shown: Handshake, left_s: float) -> str:
    if shown.distrust:
        return f"{name} is not trusted here: {shown.distrust}"
    until = f"{left_s / _DAY_S:.0f} days left" if left_s > 0 else "it has ended"
    return f"{name} is trusted, {shown.protocol}, {until}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
