"""Updates that wait, as package managers tell them. Pure: text in, counts out."""

import re
from typing import Final

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


def security_of_apt(text: str) -> list[str]:
    """The names of packages whose waiting version comes from a place of security updates."""
    return [name for name, origin in _APT.findall(text) if _APT_SECURITY.search(origin)]
