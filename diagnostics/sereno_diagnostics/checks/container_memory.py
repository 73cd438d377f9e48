"""Containers that were killed for want of memory."""

from sereno_diagnostics import containers
from sereno_diagnostics.findings import FINE, SERIOUS, bytes_text, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Container memory"
PARAMETERS = ()
READS = containers.READS
TIMEOUT_S = 55.0
SEVERITIES = {"serious": "one was killed for want of memory"}
FIGURES = {
    "containers": "how many there are",
    "killed": "whose last end was for want of memory",
    "unlimited": "that have no limit",
}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding that names them with their limits."""
    found = containers.all_of(reader)
    if found is None:
        return untold("Containers", "neither Docker nor Podman answers this user")
    killed = [one for one in found if one.out_of_memory]
    names = ", ".join(one.name for one in killed[:3])
    return [
        finding(
            SERIOUS if killed else FINE,
            f"{counted(len(killed), 'container')} killed for want of memory: {names}"
            if killed
            else f"None of {counted(len(found), 'container')} was killed for want of memory",
            advice="Give it more memory, or find what it fills it with." if killed else "",
            evidence=[
                (one.name, f"limit {bytes_text(one.memory_limit) if one.memory_limit else 'none'}") for one in killed
            ],
            figures={
                "containers": len(found),
                "killed": len(killed),
                "unlimited": sum(not one.memory_limit for one in found),
            },
        )
    ]
