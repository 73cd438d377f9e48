"""Containers that are started again and again, or have ended with an error."""

from sereno_diagnostics import containers
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Container restarts"
PARAMETERS = ()
READS = containers.READS
TIMEOUT_S = 55.0
SEVERITIES = {
    "failing": "one is about to be started again",
    "serious": "one is unhealthy or ended with an error",
    "note": "3 restarts",
}
FIGURES = {
    "containers": "how many there are",
    "running": "how many run",
    "restarts": "restarts of all by their runtime",
}
_MANY = 3


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a container with trouble a row."""
    found = containers.all_of(reader)
    if found is None:
        return untold("Containers", "neither Docker nor Podman answers this user")
    rated = sorted(((_severity(one), one) for one in found), key=lambda row: (-row[0], row[1].name))
    bad = [(severity, one) for severity, one in rated if severity > FINE]
    title = f"{counted(len(found), 'container')}, {sum(one.running for one in found)} running"
    return [
        finding(
            bad[0][0] if bad else FINE,
            f"{bad[0][1].name}: {bad[0][1].words}" if bad else title,
            advice="Look at its last lines of log before the end." if bad else "",
            evidence=[(one.name, one.words) for _, one in bad],
            figures={
                "containers": len(found),
                "running": sum(one.running for one in found),
                "restarts": sum(one.restarts for one in found),
            },
        )
    ]


def _severity(one: containers.Container) -> Severity.ValueType:
    if one.state == "restarting":
        return FAILING
    if one.health == "unhealthy" or (one.state in {"exited", "dead"} and one.exit_code):
        return SERIOUS
    return NOTE if one.restarts >= _MANY else FINE
