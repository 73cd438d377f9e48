"""What is mounted where and how: a file system that turned read-only, one that is gone, and what /etc/fstab says."""

import re
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 15_000
_PSEUDO: Final = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fuse.gvfsd-fuse", "fuse.portal", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs",
    "securityfs", "squashfs", "sysfs", "tracefs",
})  # fmt: skip
# Mounts of containers and sessions come and go by themselves.
_PASSING: Final = re.compile(
    r"/(?:run/(?:user|docker|containerd|netns|credentials|systemd)"
    r"|var/lib/(?:docker|containers|containerd|kubelet)|snap|proc|sys|dev)(?:/|$)"
)
_OPTIONS: Final = frozenset({
    "ro", "rw", "noexec", "nosuid", "nodev", "noatime", "subvol", "vers", "addr", "usrquota", "grpquota",
})  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(\d{3})")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("mount_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Mounts of the machine and its table of mounts."""
    values = {f"mount {where}": what for where, what in mounts(host.read("/proc/self/mounts") or "").items()}
    facts = {f"mount.{key.partition(' ')[2]}": value for key, value in values.items()}
    table = host.read("/etc/fstab")
    if table is not None:
        values["mount /etc/fstab"] = "\n".join(
            " ".join(line.split()) for line in table.splitlines() if line.strip() and not line.lstrip().startswith("#")
        )
    return State(values, facts)


def mounts(text: str) -> dict[str, str]:
    """Mount point -> device, type and the options that matter; what lies above hides what lies below."""
    found = {}
    for line in text.splitlines():
        words = [_ESCAPE.sub(lambda match: chr(int(match[1], 8)), word) for word in line.split(" ")]
        if len(words) < 4 or words[2] in _PSEUDO or _PASSING.match(words[1]):  # noqa: PLR2004, four words make a mount
            continue
        options = ",".join(sorted(option for option in words[3].split(",") if option.partition("=")[0] in _OPTIONS))
        found[words[1]] = f"{words[0]} {words[2]} {options}"
    return found
