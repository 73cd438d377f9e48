"""Updates that wait, and how many of them are about security. Nothing is fetched: the package manager's lists decide.

`updates_lists_age_seconds` says how old those lists are.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 4 * 3_600_000
DEADLINE_S: Final = 180.0
APART: Final = True
BEGIN_AFTER_S: Final = 300.0  # a machine that has just started has better things to do
_ASK_S: Final = 120.0
_APT: Final = re.compile(r"^Inst (\S+) \[[^\]]*\] \((.*)\)", re.MULTILINE)
_APT_SECURITY: Final = re.compile(r"-security\b|Debian-Security|UbuntuESM|LTS-Security", re.IGNORECASE)
_ZYPPER: Final = re.compile(r'<update kind="package" name="([^"]+)"')
_ZYPPER_PATCH: Final = re.compile(r'<update kind="patch" name="([^"]+)"[^>]*category="security"')
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


def parse_zypper(updates: str, patches: str) -> Counts | None:
    """`zypper --xmlout list-updates` and `list-patches --category security`: an element for each.

    Patches are wanted where there are any repositories that have them; else their number is not known.
    """
    if "</stream>" not in updates:
        return None
    waiting = set(_ZYPPER.findall(updates))
    if "</stream>" not in patches or "no-update-repositories" in patches:
        return len(waiting), None
    return len(waiting), len(set(_ZYPPER_PATCH.findall(patches)))


def parse_lines(text: str) -> Counts:
    """`pacman -Qu`, `apk version -l '<'`: a line each, below a heading that apk writes."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Installed:")]
    return len(lines), None


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        manager = next((manager for manager in _MANAGERS if host.exists(manager.sign)), None)
        counts = manager.counted(host) if manager else None
        if manager is None or counts is None:
            return
        waiting, security = counts
        reading.gauge("updates_pending", waiting)
        if security is not None:
            reading.gauge("updates_security_pending", security)
        refreshed = host.modified_s(manager.lists)
        if refreshed is not None:
            reading.gauge("updates_lists_age_seconds", max(0.0, surroundings.now_ms() / 1000 - refreshed))

    return collect


def _gently(host: Host, *command: str, codes: tuple[int, ...] = (0,)) -> str | None:
    return host.ask("nice", "-n", "19", *command, timeout_s=_ASK_S, codes=codes)


def _apt(host: Host) -> Counts | None:
    if not host.exists("/usr/bin/apt-get"):
        return None
    text = _gently(host, "apt-get", "--quiet", "-o", "Debug::NoLocking=true", "--simulate", "dist-upgrade")
    return None if text is None else parse_apt(text)


def _dnf(host: Host) -> Counts | None:
    # 100 says that updates wait. As another user than root it reads root's cache only where it is told to.
    asked = ("dnf", "--quiet", "--cacheonly", "--setopt=cachedir=/var/cache/dnf")
    updates = _gently(host, *asked, "check-update", codes=(0, 100))
    security = _gently(host, *asked, "check-update", "--security", codes=(0, 100))
    return None if updates is None or security is None else parse_dnf(updates, security)


def _zypper(host: Host) -> Counts | None:
    asked = ("zypper", "--non-interactive", "--quiet", "--no-refresh", "--xmlout")
    updates = _gently(host, *asked, "list-updates")
    patches = _gently(host, *asked, "list-patches", "--category", "security")
    return None if updates is None else parse_zypper(updates, patches or "")


def _apk(host: Host) -> Counts | None:
    text = _gently(host, "apk", "version", "-l", "<")
    return None if text is None else parse_lines(text)


def _pacman(host: Host) -> Counts | None:
    text = _gently(host, "pacman", "-Qu", codes=(0, 1))  # 1: nothing waits
    return None if text is None else parse_lines(text)


class _Manager(NamedTuple):
    sign: str  # what lies where it is in use
    counted: Callable[[Host], Counts | None]
    lists: str  # whose time says when they were fetched


_MANAGERS: Final = (
    _Manager("/var/lib/dpkg/status", _apt, "/var/lib/apt/lists"),
    _Manager("/etc/zypp/zypp.conf", _zypper, "/var/cache/zypp/solv"),
    _Manager("/etc/dnf", _dnf, "/var/cache/dnf"),
    _Manager("/lib/apk/db", _apk, "/var/cache/apk"),
    _Manager("/usr/lib/apk/db", _apk, "/var/cache/apk"),
    _Manager("/var/lib/pacman", _pacman, "/var/lib/pacman/sync"),
)
