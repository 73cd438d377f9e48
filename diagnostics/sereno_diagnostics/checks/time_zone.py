"""Which time zone this machine keeps, and whether the places that say so agree."""

from sereno_diagnostics.findings import FINE, NOTE, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Time zone"
PARAMETERS = ()
READS = ("/etc/timezone", "/etc/localtime")
SEVERITIES = {"note": "the places that say it differ"}
FIGURES = {"agrees": "1 when they agree, else 0"}
_ZONES = "zoneinfo/"


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding."""
    named = (reader.text("/etc/timezone") or "").strip()
    linked = reader.target("/etc/localtime").partition(_ZONES)[2]
    if not named and not linked:
        if reader.text("/etc/localtime") is None:
            return [finding(FINE, "The time zone is UTC: none is set", figures={"agrees": 1})]
        return untold("The time zone", "/etc/localtime is a copy that does not say its name")
    agrees = not named or not linked or named == linked
    return [
        finding(
            FINE if agrees else NOTE,
            f"The time zone is {linked or named}" if agrees else f"/etc/timezone says {named}, /etc/localtime {linked}",
            advice="" if agrees else "Set it once more: timedatectl set-timezone ZONE.",
            evidence=[("/etc/timezone", named or "none"), ("/etc/localtime", linked or "a copy")],
            figures={"agrees": agrees},
        )
    ]
