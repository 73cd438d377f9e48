"""Updates that wait, and how many of them are about security. Nothing is fetched: the package manager's lists decide.

`updates_lists_age_seconds` says how old those lists are.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics.updates import Counts, parse_apt, parse_dnf, parse_lines, parse_zypper

INTERVAL_MS: Final = 4 * 3_600_000
DEADLINE_S: Final = 180.0
APART: Final = True
BEGIN_AFTER_S: Final = 300.0  # a machine that has just started has better things to do
_ASK_S: Final = 120.0


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
