"""Files that were removed while a program still holds them open: their space comes back only when it lets go."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, bytes_text, counted, finding, graded
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Removed files still open"
PARAMETERS = ()
READS = ("/proc/*/fd/*", "/proc/*/stat")
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "1 GB or more is held", "note": "100 MB or more"}
FIGURES = {
    "files": "how many there are",
    "held_bytes": "what they hold",
    "unseen_processes": "processes of other users, which may not be looked into",
}
FILES_SHOWN = 12
_ENDING = " (deleted)"
_LEVELS = ((1e9, SERIOUS), (1e8, NOTE))
_LEFT_OUT = ("/memfd:", "/dev/", "/SYSV", "/run/", "/tmp/.mount_", "anon_inode:", "pipe:", "socket:")  # noqa: S108


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, the largest as evidence."""
    held: dict[str, tuple[int, str]] = {}
    unseen = 0
    for process in reader.processes():
        numbers = reader.names(f"/proc/{process.pid}/fd")
        unseen += not numbers and bool(process.pages)
        for number in numbers:
            path = reader.target(f"/proc/{process.pid}/fd/{number}")
            if not path.endswith(_ENDING) or path.startswith(_LEFT_OUT):
                continue
            status = reader.look(f"/proc/{process.pid}/fd/{number}", follow=True)
            size = status.size_bytes if status else 0
            file = path.removesuffix(_ENDING)
            if size >= held.get(file, (-1, ""))[0]:
                held[file] = size, f"{process.name} ({process.pid})"
    total = sum(size for size, _ in held.values())
    rows = sorted(held.items(), key=lambda row: (-row[1][0], row[0]))[:FILES_SHOWN]
    severity = graded(total, _LEVELS)
    return [
        finding(
            severity,
            f"{counted(len(held), 'removed file')} still open, holding {bytes_text(total)}"
            if held
            else "No removed file is still open",
            advice="Restart or reload the program, or truncate what it holds open." if severity > FINE else "",
            evidence=[(file, f"{bytes_text(size)}, {who}") for file, (size, who) in rows],
            figures={"files": len(held), "held_bytes": total, "unseen_processes": unseen},
        )
    ]
