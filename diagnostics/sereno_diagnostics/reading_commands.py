"""The programs that checks may have started: a closed list of vectors that only read, and what fills their gaps.

Nothing here comes from the server. A gap is filled by a name of the policy or by what the machine itself said (a disk,
a container), and takes only what its pattern allows: never an option, never a path that was not meant.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from sereno_diagnostics import systemd
from sereno_proto.errors import BadInput


class ReadingCommand(NamedTuple):
    """One program with its arguments. vector: `{name}` is a gap, filled as GAPS allows."""

    tells: str
    vector: tuple[str, ...]
    timeout_s: float = 10.0
    codes: tuple[int, ...] | None = None  # exit codes that stand for an answer; None: all
    scratch: bool = False  # whether it cannot do without temporary files


GAPS: Final = {
    "unit": r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]{0,254}",
    "device": r"/dev/[A-Za-z0-9][A-Za-z0-9/_-]{0,62}",
    "kind": r"[a-z0-9][a-z0-9,+_]{0,31}",
    "container": r"[0-9a-f]{12,64}",
    "host": r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}",
    "address": r"[0-9a-f][0-9a-f.:]{1,44}",
    "bytes": r"[0-9]{1,5}",
    "hours": r"[0-9]{1,4}",
}
_GAP: Final = re.compile(r"(?<!\$)\{([a-z]+)\}")

_JOURNAL: Final = ("journalctl", "--no-pager", "--quiet", "--output=json", "--lines=2000", "--since=-{hours}h")
_PACKAGE: Final = "--showformat=${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\n"
COMMANDS: Final[Mapping[str, ReadingCommand]] = {
    "unit": ReadingCommand("one unit's state", (*systemd.SHOW, "{unit}")),
    "units": ReadingCommand("state of services and timers", (*systemd.SHOW, "*.service", "*.timer"), 20.0),
    "unit_needs": ReadingCommand(
        "what a unit needs", ("systemctl", "show", "--no-pager", "--property", systemd.NEEDS, "{unit}")
    ),
    "startup_units": ReadingCommand("how long units took to start", ("systemd-analyze", "--no-pager", "blame")),
    "startup": ReadingCommand("how long the machine took to start", ("systemd-analyze", "--no-pager", "time")),
    "journal_errors": ReadingCommand("errors in the journal", (*_JOURNAL, "--priority=err"), 20.0),
    "journal_kernel": ReadingCommand("the kernel's warnings", (*_JOURNAL, "--dmesg", "--priority=warning"), 20.0),
    "journal_logins": ReadingCommand(
        "messages about logins", (*_JOURNAL, "--facility=auth,authpriv", "--priority=info"), 20.0
    ),
    "journal_disk": ReadingCommand("what the journal takes", ("journalctl", "--no-pager", "--disk-usage")),
    "core_dumps": ReadingCommand(
        "crashes that left a core dump", ("coredumpctl", "--no-pager", "--json=short", "--since=-{hours}h", "list")
    ),
    "time": ReadingCommand("time zone and synchronisation", ("timedatectl", "show")),
    "chrony": ReadingCommand("offset as chrony measures it", ("chronyc", "-c", "tracking")),
    "smart_disks": ReadingCommand("disks that can be asked", ("smartctl", "-j", "--scan"), 15.0),
    "smart_disk": ReadingCommand("a disk's health", ("smartctl", "-j", "-a", "-n", "standby", "{device}"), 15.0),
    "smart_behind": ReadingCommand(
        "health of a disk behind a controller",
        ("smartctl", "-j", "-a", "-n", "standby", "-d", "{kind}", "{device}"),
        15.0,
    ),
    "ping": ReadingCommand("answers to three requests", ("ping", "-n", "-q", "-c", "3", "-W", "2", "{host}"), 15.0),
    "ping_size": ReadingCommand(
        "whether a packet of that size arrives whole",
        ("ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", "{bytes}", "{host}"),
        5.0,
    ),
    "connections": ReadingCommand(
        "figures of open connections", ("ss", "--no-header", "--numeric", "--tcp", "--info", "dst", "{address}")
    ),
    "apt_waiting": ReadingCommand(
        "what an upgrade would do",
        ("apt-get", "--quiet", "-o", "Debug::NoLocking=true", "--simulate", "dist-upgrade"),
        45.0,
        (0,),
        scratch=True,
    ),
    "dnf_waiting": ReadingCommand("updates", ("dnf", "--quiet", "--cacheonly", "check-update"), 45.0, (0, 100)),
    "dnf_security": ReadingCommand(
        "security updates", ("dnf", "--quiet", "--cacheonly", "--security", "check-update"), 45.0, (0, 100)
    ),
    "packages": ReadingCommand("state of packages", ("dpkg-query", "--show", _PACKAGE), 20.0, (0,)),
    "containers_docker": ReadingCommand(
        "containers", ("docker", "container", "ls", "--all", "--quiet", "--no-trunc"), 15.0, (0,)
    ),
    "container_docker": ReadingCommand("one container", ("docker", "container", "inspect", "{container}"), 10.0),
    "containers_podman": ReadingCommand(
        "containers", ("podman", "container", "ls", "--all", "--quiet", "--no-trunc"), 15.0, (0,)
    ),
    "container_podman": ReadingCommand("one container", ("podman", "container", "inspect", "{container}"), 10.0),
    "printers": ReadingCommand("printers and whether they print", ("lpstat", "-p", "-a")),
    "print_jobs": ReadingCommand("jobs that wait", ("lpstat", "-o")),
}  # fmt: skip


def vector(name: str, gaps: Mapping[str, str]) -> tuple[str, ...]:
    """The vector with its gaps filled; raises BadInput with E_PARAMETER for what a gap does not take."""
    wanted = COMMANDS[name].vector
    for gap, text in gaps.items():
        if not re.fullmatch(GAPS[gap], text):
            raise BadInput("E_PARAMETER", f"{text[:80]!r} cannot stand for {gap} in {wanted[0]}")
    return tuple(_GAP.sub(lambda found: gaps[found[1]], word) for word in wanted)
