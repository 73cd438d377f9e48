"""Updates that wait, and how many of them are about security. Nothing is fetched: the package manager's lists decide.

`updates_lists_age_seconds` says how old those lists are.
"""

import re
from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 4 * 3_600_000
DEADLINE_S: Final = 180.0
APART: Final = True
BEGIN_AFTER_S: Final = 300.0  # a machine that has just started has better things to do
_ASK_S: Final = 120.0
_APT: Final = re.compile(r"^Inst (\S+) \[[^\]]*\] \((.*)\)", re.MULTILINE)
_APT_SECURITY: Final = re.compile(r"-security\b|Debian-Security|UbuntuESM|LTS-Security", re.IGNORECASE)
_DNF: Final = re.compile(r"^(\S+\.(?:x86_64|aarch64|noarch|i686|ppc64le|s390x))\s+\S+\s+\S+\s*$", re.MULTILINE)

Counts = tuple[int, int | None]  # waiting, of them security; None where the manager does not tell them apart


def parse_apt(text: str) -> Counts:
    """`apt-get --simulate dist-upgrade`: Inst NAME [old] (new ORIGIN …)."""
    found = _APT.findall(text)
    return len(found), sum(bool(_APT_SECURITY.search(origin)) for _, origin in found)


def parse_dnf(updates: str, security: str) -> Counts:
    """`dnf check-update` and `dnf check-update --security`; what follows `Obsoleting` is said a second time."""
    waiting, urgent = (set(_DNF.findall(text.partition("Obsoleting Packages")[0])) for text in (updates, security))
    return len(waiting), len(waiting & urgent)


def parse_lines(text: str) -> Counts:
    """`pacman -Qu`, `apk version -l '<'`: a line each, below a heading that apk writes."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Installed:")]
    return len(lines), None


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        counts, lists = _count(host)
        if counts is None:
            return
        waiting, security = counts
        reading.gauge("updates_pending", waiting)
        if security is not None:
            reading.gauge("updates_security_pending", security)
        refreshed = host.modified_s(lists)
        if refreshed is not None:
            reading.gauge("updates_lists_age_seconds", max(0.0, surroundings.now_ms() / 1000 - refreshed))

    return collect


def _count(host: Host) -> tuple[Counts | None, str]:
    """What waits, and where the manager keeps its lists."""
    if host.exists("/var/lib/dpkg/status"):
        simulate = (
            "nice",
            "-n",
            "19",
            "apt-get",
            "--quiet",
            "-o",
            "Debug::NoLocking=true",
            "--simulate",
            "dist-upgrade",
        )
        text = host.ask(*simulate, timeout_s=_ASK_S) if host.exists("/usr/bin/apt-get") else None
        return (None if text is None else parse_apt(text)), "/var/lib/apt/lists"
    if host.exists("/etc/dnf"):
        told = [
            host.ask("nice", "-n", "19", "dnf", "--quiet", "--cacheonly", *more, "check-update", timeout_s=_ASK_S)
            for more in ((), ("--security",))
        ]
        return (None if None in told else parse_dnf(told[0] or "", told[1] or "")), "/var/cache/dnf"
    if host.exists("/lib/apk/db"):
        text = host.ask("apk", "version", "-l", "<", timeout_s=_ASK_S)
        return (None if text is None else parse_lines(text)), "/var/cache/apk"
    if host.exists("/var/lib/pacman"):
        text = host.ask("pacman", "-Qu", timeout_s=_ASK_S)
        return (None if text is None else parse_lines(text)), "/var/lib/pacman/sync"
    return None, ""
