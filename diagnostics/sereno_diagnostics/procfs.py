"""Reads the texts that Linux gives in /proc. Pure: text in, figures out; lines that mean nothing are passed over."""

from collections.abc import Iterator
from typing import Final, NamedTuple

HERTZ: Final = 100  # ticks a second in /proc, whatever the kernel's own rate (USER_HZ)
TCP_STATES: Final = {
    "01": "established", "02": "syn_sent", "03": "syn_received", "04": "fin_wait_1", "05": "fin_wait_2",
    "06": "time_wait", "07": "close", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing",
    "0C": "new_syn_received",
}  # fmt: skip


def table(text: str) -> dict[str, int]:
    """`name value` or `Name:  value kB` lines, as /proc/vmstat and /proc/meminfo have them; kB become bytes."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():  # noqa: PLR2004, name and value
            found[words[0].rstrip(":")] = int(words[1]) * (1024 if words[-1] == "kB" else 1)
    return found


def pressure(text: str) -> dict[str, dict[str, float]]:
    """/proc/pressure/*: {"some": {"avg10": percent, "avg60": …, "avg300": …, "total": microseconds}, "full": …}."""
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        figures = (pair.partition("=") for pair in pairs)
        found[kind] = {key: float(value) for key, _, value in figures if value.replace(".", "", 1).isdigit()}
    return found


def sockstat(text: str) -> dict[str, dict[str, int]]:
    """/proc/net/sockstat: {"TCP": {"inuse": …, "orphan": …, "tw": …}, "sockets": {"used": …}, …}."""
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        found[protocol] = {
            key: int(value) for key, value in zip(words[::2], words[1::2], strict=False) if value.isdigit()
        }
    return found


def sockets(text: str) -> Iterator[tuple[int, str]]:
    """/proc/net/tcp, tcp6, udp, udp6: local port and state (two hex digits) of each socket."""
    for line in text.splitlines()[1:]:
        words = line.split(None, 4)
        if len(words) >= 4:  # noqa: PLR2004, the state is the fourth word
            yield int(words[1].rpartition(":")[2], 16), words[3]


def process(text: str) -> tuple[str, str, int, int, int, int] | None:
    """/proc/PID/stat: name, state, parent, ticks of processor time, threads, resident pages; None when it is torn."""
    name = text[text.find("(") + 1 : text.rfind(")")]
    words = text[text.rfind(")") + 2 :].split()
    if len(words) < 22:  # noqa: PLR2004, resident pages are the 24th field, two stand before
        return None
    return name, words[0], int(words[1]), int(words[11]) + int(words[12]), int(words[17]), int(words[21])


class Process(NamedTuple):
    """One process. ticks: of processor time; started: ticks after the machine's start."""

    pid: int
    name: str
    state: str
    parent: int
    ticks: int
    threads: int
    pages: int
    started: int


def whole_process(pid: int, text: str) -> Process | None:
    """/proc/PID/stat with when it began; None when it is torn."""
    found = process(text)
    if found is None:
        return None
    return Process(pid, *found, int(text[text.rfind(")") + 2 :].split()[19]))


class Mount(NamedTuple):
    """One mounted file system."""

    device: str
    point: str
    kind: str
    read_only: bool

    @property
    def local(self) -> bool:
        """Whether it may be asked without waiting for another machine, and holds what people put there."""
        return self.kind in _LOCAL


_LOCAL: Final = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "vfat", "exfat", "ntfs",
    "ntfs3", "overlay", "tmpfs",
})  # fmt: skip


def mounts(text: str) -> list[Mount]:
    """/proc/self/mounts: one mount a device, the shortest, without what is bound over a single file's place."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        words = [unescaped(word) for word in line.split()]
        if len(words) >= 4:  # noqa: PLR2004, device, point, type, options
            mount = Mount(words[0], words[1], words[2], "ro" in words[3].split(","))
            key = mount.device if mount.device.startswith("/") else mount.point
            if key not in found or len(mount.point) < len(found[key].point):
                found[key] = mount
    return list(found.values())


def unescaped(word: str) -> str:
    """Spaces and the like stand in octal."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word


def processor(text: str) -> dict[str, int]:
    """The first line of /proc/stat: ticks since the start, by what they went to; and `running`, `blocked` tasks."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    found: dict[str, int] = {}
    for line in text.splitlines():
        key, *words = line.split()
        if key == "cpu":
            found |= {name: int(word) for name, word in zip(names, words, strict=False)}
        elif key in {"procs_running", "procs_blocked", "btime"}:
            found[key.removeprefix("procs_")] = int(words[0])
        elif key.startswith("cpu"):
            found["processors"] = found.get("processors", 0) + 1
    return found


def interfaces(text: str) -> dict[str, list[int]]:
    """/proc/net/dev: the sixteen counts of each interface."""
    found = {}
    for line in text.splitlines()[2:]:
        interface, _, counts = line.rpartition(":")
        found[interface.strip()] = [int(word) for word in counts.split()]
    return found
