"""Network file systems: space and inodes, or `filesystem_hanging` = 1 when one does not answer within seconds.

Each is asked by a process of its own, since whoever asks a mount whose server is away may hang where no signal reaches.
One that hangs so is left, and its mount not asked again before it has ended.
"""

import re
import subprocess
from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
ANSWER_S: Final = 3.0
MOUNTS_MAX: Final = 32
TYPES: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "fuse.sshfs", "fuse.glusterfs"})
STAT: Final = ("stat", "--file-system", "--format", "%b %a %c %d %S")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_FIELDS: Final = 5

Child = subprocess.Popen[bytes]


def parse(text: str) -> list[str]:
    """The mount points of network file systems in /proc/mounts."""
    lines = (line.split() for line in text.splitlines())
    return [
        _OCTAL.sub(lambda match: chr(int(match[1], 8)), words[1])
        for words in lines
        if len(words) > 2 and words[2] in TYPES  # noqa: PLR2004, device, mount point, type
    ]


class Mounts:
    """The processes that hang, by mount. program: what is asked, with the mount point behind it."""

    def __init__(self, host: Host, program: tuple[str, ...] = STAT, answer_s: float = ANSWER_S) -> None:
        self._host = host
        self._program = program
        self._answer_s = answer_s
        self._hanging: dict[str, Child] = {}

    def collect(self, reading: Reading) -> None:
        mounts = parse(self._host.read("/proc/mounts") or "")[:MOUNTS_MAX]
        asked = {mount: self._start(mount) for mount in mounts if not self._still_hangs(mount)}
        for mount in mounts:
            answer = self._answer(mount, asked[mount]) if mount in asked else None
            label = ("mount", mount)
            reading.gauge("filesystem_hanging", mount in self._hanging, label)
            if answer is not None:
                blocks, available, files, free, size = answer
                reading.gauge("filesystem_used_bytes", (blocks - available) * size, label)
                reading.gauge("filesystem_size_bytes", blocks * size, label)
                if files:
                    reading.gauge("filesystem_inodes_used", files - free, label)
                    reading.gauge("filesystem_inodes", files, label)

    def _still_hangs(self, mount: str) -> bool:
        child = self._hanging.get(mount)
        if child is None or child.poll() is None:
            return child is not None
        self._close(self._hanging.pop(mount))
        return False

    def _start(self, mount: str) -> Child:
        return subprocess.Popen(
            [*self._program, "--", mount],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _answer(self, mount: str, child: Child) -> list[int] | None:
        try:
            output, _ = child.communicate(timeout=self._answer_s)
        except subprocess.TimeoutExpired:
            child.kill()
            self._hanging[mount] = child
            return None
        words = output.split()
        return [int(word) for word in words] if len(words) == _FIELDS else None

    @staticmethod
    def _close(child: Child) -> None:
        if child.stdout:
            child.stdout.close()


def make(surroundings: Surroundings) -> Collect:
    return Mounts(surroundings.host).collect
