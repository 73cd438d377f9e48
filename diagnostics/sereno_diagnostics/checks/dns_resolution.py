"""Whether this machine can look up a host of the policy, and how long that takes."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Name resolution"
PARAMETERS = (Parameter("host", "host", "the host to look up"),)
READS = (
    "/etc/resolv.conf",
    "look_up",
)
SEVERITIES = {"failing": "no address", "serious": "5 s or longer", "note": "1 s or longer"}
FIGURES = {
    "resolved": "1 when the name has an address, else 0",
    "addresses": "how many addresses it has",
    "lookup_s": "seconds that the answer took",
}

ADDRESSES_SHOWN = 8
_LEVELS = ((5.0, SERIOUS), (1.0, NOTE))  # seconds that a look-up took, from which severity


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding with all figures."""
    host = reader.allowed.host(str(values["host"]))
    found = reader.look_up(host)
    figures = {"resolved": bool(found.addresses), "addresses": len(found.addresses), "lookup_s": found.seconds}
    evidence = [("name", host.host), *(("name server", server) for server in reader.name_servers())]
    if not found.addresses:
        return [
            finding(
                FAILING,
                f"{host.name} cannot be looked up: {found.error or 'it has no address'}",
                advice="Try another host: if that fails too, it is the name server or the way to it.",
                evidence=evidence,
                figures=figures,
            )
        ]
    return [
        finding(
            _severity(found.seconds),
            f"{host.name} is {found.addresses[0]}, told in {found.seconds * 1000:.0f} ms",
            evidence=[*evidence, *(("address", address) for address in found.addresses[:ADDRESSES_SHOWN])],
            figures=figures,
        )
    ]


def _severity(seconds: float) -> Severity.ValueType:
    return next((severity for level, severity in _LEVELS if seconds >= level), FINE)
