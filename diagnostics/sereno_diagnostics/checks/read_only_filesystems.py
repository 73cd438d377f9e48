"""File systems that are read-only though they should not be: the kernel makes one so when it meets errors."""

from sereno_diagnostics.findings import FAILING, FINE, finding
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Read-only file systems"
PARAMETERS = ()
READS = ("/proc/self/mounts", "/etc/fstab", "space")
SEVERITIES = {"failing": "one is read-only and fstab does not say so"}
FIGURES = {"read_only": "how many are read-only unexpectedly", "meant": "how many are by intention"}
_CONTENT = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "vfat"})


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding that names them."""
    meant = _meant(reader.text("/etc/fstab") or "")
    found = {
        point: mount
        for point, (mount, space) in reader.spaces().items()
        if mount.kind in _CONTENT and (mount.read_only or space.read_only)
    }
    wrong = {point: mount for point, mount in found.items() if point not in meant}
    names = ", ".join(sorted(wrong))
    return [
        finding(
            FAILING if wrong else FINE,
            f"{names} cannot be written to" if wrong else "Every file system that should be can be written to",
            advice="Look at the kernel's messages for errors of the disk before remounting." if wrong else "",
            evidence=[(point, f"{mount.kind} on {mount.device}") for point, mount in sorted(wrong.items())],
            figures={"read_only": len(wrong), "meant": len(found) - len(wrong)},
        )
    ]


def _meant(fstab: str) -> set[str]:
    rows = [line.split() for line in fstab.splitlines() if not line.lstrip().startswith("#")]
    return {row[1] for row in rows if len(row) > 3 and "ro" in row[3].split(",")}  # noqa: PLR2004, its options
