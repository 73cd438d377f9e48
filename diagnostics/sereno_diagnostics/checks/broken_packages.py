"""Packages that are half installed, half configured, or wait to be configured."""

from sereno_diagnostics import packages
from sereno_diagnostics.findings import FAILING, FINE, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Broken packages"
PARAMETERS = ()
READS = ("packages",)
TIMEOUT_S = 30.0
SEVERITIES = {"failing": "a package is not whole"}
FIGURES = {"packages": "how many are installed", "broken": "how many are not whole"}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding that names them."""
    found = packages.parse(reader.told("packages") or "")
    if not found:
        return untold("The state of packages", "dpkg does not keep them here")
    broken = [one for one in found if one.broken]
    names = ", ".join(one.name for one in broken[:3])
    return [
        finding(
            FAILING if broken else FINE,
            f"{counted(len(broken), 'package')} not whole: {names}"
            if broken
            else f"{counted(sum(one.installed for one in found), 'package')}, all whole",
            advice="Finish what was interrupted: dpkg --configure -a, then apt-get -f install." if broken else "",
            evidence=[(one.name, f"{one.version}, {one.state_words}") for one in broken],
            figures={"packages": sum(one.installed for one in found), "broken": len(broken)},
        )
    ]
