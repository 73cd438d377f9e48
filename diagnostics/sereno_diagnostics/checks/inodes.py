"""Whether a file system runs out of inodes: room for names, which small files use up long before the space."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Inodes"
PARAMETERS = ()
READS = ("/proc/self/mounts", "space")
SEVERITIES = {"failing": "98 % used somewhere", "serious": "90 %", "note": "75 %"}
FIGURES = {"highest_used_percent": "inodes used where most are", "inodes_free": "how many are left there"}
_LEVELS = ((98.0, FAILING), (90.0, SERIOUS), (75.0, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the fullest first as evidence; file systems without a fixed number of inodes are left out."""
    used = [
        (100 * (1 - space.inodes_free / space.inodes), point, space.inodes_free)
        for point, (_, space) in reader.spaces().items()
        if space.inodes and not space.read_only
    ]
    if not used:
        return untold("Inodes", "no file system here has a fixed number of them")
    used.sort(reverse=True)
    percent, point, free = used[0]
    severity = graded(percent, _LEVELS)
    return [
        finding(
            severity,
            f"{point} has used {percent:.0f} % of its inodes, {free} are left",
            advice="Find the folder with very many small files: sessions, mail, caches." if severity > FINE else "",
            evidence=[(at, f"{share:.0f} % used, {left} left") for share, at, left in used],
            figures={"highest_used_percent": percent, "inodes_free": free},
        )
    ]
