"""Processes that have ended and whose parents do not notice, and who those parents are."""

from collections import Counter

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, graded
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Zombies"
PARAMETERS = ()
READS = ("/proc/*/stat",)
SEVERITIES = {"serious": "100 or more", "note": "5 or more"}
FIGURES = {"zombies": "how many there are", "processes": "how many processes there are at all"}
_LEVELS = ((100.0, SERIOUS), (5.0, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the parents as evidence: it is they who have to be mended."""
    processes = reader.processes()
    names = {one.pid: one.name for one in processes}
    dead = [one for one in processes if one.state == "Z"]
    parents = Counter(one.parent for one in dead)
    severity = graded(len(dead), _LEVELS)
    worst = next((f", most of {names.get(parent, 'unknown')} ({parent})" for parent, _ in parents.most_common(1)), "")
    return [
        finding(
            severity,
            f"{counted(len(dead), 'zombie')}{worst}" if dead else "There are no zombies",
            advice="Restart the parent: killing a zombie does nothing." if severity > FINE else "",
            evidence=[(f"{names.get(pid, '?')} ({pid})", counted(n, "zombie")) for pid, n in parents.most_common()],
            figures={"zombies": len(dead), "processes": len(processes)},
        )
    ]
