"""How full every local file system is, and which is nearest to its end."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, bytes_text, counted, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "File systems"
PARAMETERS = ()
READS = ("/proc/self/mounts", "space")
SEVERITIES = {"failing": "98 % used somewhere", "serious": "90 %", "note": "80 %"}
FIGURES = {
    "filesystems": "how many local file systems there are",
    "fullest_used_percent": "used of the fullest",
    "fullest_free_bytes": "what an ordinary user may still take there",
}
_ADVICE = "See what grows there (filesystem_growth, largest_files, deleted_open_files)."
_LEVELS = ((98.0, FAILING), (90.0, SERIOUS), (80.0, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the fullest first as evidence."""
    used = {
        point: (100 * (1 - space.free_bytes / space.size_bytes), space)
        for point, (mount, space) in reader.spaces().items()
        if mount.kind != "tmpfs" and not space.read_only
    }
    if not used:
        return untold("Use of file systems", "no local file system may be asked")
    rows = sorted(used.items(), key=lambda row: -row[1][0])
    point, (percent, space) = rows[0]
    severity = graded(percent, _LEVELS)
    return [
        finding(
            severity,
            f"{point} is {percent:.0f} % full, {bytes_text(space.free_bytes)} are left"
            if severity > FINE
            else f"{counted(len(rows), 'file system')}, the fullest ({point}) {percent:.0f} % full",
            advice=_ADVICE if severity > FINE else "",
            evidence=[
                (at, f"{share:.0f} % used, {bytes_text(room.free_bytes)} of {bytes_text(room.size_bytes)} free")
                for at, (share, room) in rows
            ],
            figures={
                "filesystems": len(rows),
                "fullest_used_percent": percent,
                "fullest_free_bytes": space.free_bytes,
            },
        )
    ]
