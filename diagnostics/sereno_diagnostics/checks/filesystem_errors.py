"""Errors that ext4 has met and remembers: how many, the first and the last, so that a repair (fsck) can be planned."""

from datetime import UTC, datetime

from sereno_diagnostics.findings import FINE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Errors in file systems"
PARAMETERS = ()
READS = ("/sys/fs/ext4/*/errors_count", "/sys/fs/ext4/*/first_error_time", "/sys/fs/ext4/*/last_error_time")
SEVERITIES = {"serious": "a file system has met errors since it was last checked"}
FIGURES = {"filesystems": "how many were asked", "errors": "errors of all together"}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a file system with errors a row."""
    counts = {
        device: count
        for device in reader.names("/sys/fs/ext4")
        if (count := reader.integer(f"/sys/fs/ext4/{device}/errors_count")) is not None
    }
    if not counts:
        return untold("Errors in file systems", "the kernel counts them for ext4 only, and none is mounted")
    wrong = {device: count for device, count in counts.items() if count}
    figures = {"filesystems": len(counts), "errors": sum(counts.values())}
    if not wrong:
        return [finding(FINE, f"{counted(len(counts), 'ext4 file system')} without errors", figures=figures)]
    return [
        finding(
            SERIOUS,
            f"{', '.join(wrong)} {'has' if len(wrong) == 1 else 'have'} met "
            f"{counted(sum(wrong.values()), 'error')} since the last check",
            advice="Look at the disk's health (disk_smart), back up, and check it unmounted (fsck) at the next start.",
            evidence=[(device, _row(reader, device, count)) for device, count in wrong.items()],
            figures=figures,
        )
    ]


def _row(reader: Reader, device: str, count: int) -> str:
    first, last = (_moment(reader, device, which) for which in ("first", "last"))
    return f"{counted(count, 'error')}, first {first}, last {last}"


def _moment(reader: Reader, device: str, which: str) -> str:
    seconds = reader.integer(f"/sys/fs/ext4/{device}/{which}_error_time")
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes") if seconds else "unknown"
