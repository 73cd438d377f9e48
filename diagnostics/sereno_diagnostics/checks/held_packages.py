"""Packages that are held back from every update."""

from sereno_diagnostics import packages
from sereno_diagnostics.findings import FINE, NOTE, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Held packages"
PARAMETERS = ()
READS = ("packages",)
TIMEOUT_S = 30.0
SEVERITIES = {"note": "a package is held"}
FIGURES = {"held": "how many are held"}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding that names them."""
    found = packages.parse(reader.told("packages") or "")
    if not found:
        return untold("Held packages", "dpkg does not keep packages here")
    held = [one for one in found if one.held]
    return [
        finding(
            NOTE if held else FINE,
            f"{counted(len(held), 'package')} held: {', '.join(one.name for one in held[:5])}"
            if held
            else "No package is held",
            advice="A held package gets no security updates: see whether the reason still stands." if held else "",
            evidence=[(one.name, one.version) for one in held],
            figures={"held": len(held)},
        )
    ]
