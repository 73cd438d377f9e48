"""apk's database of Alpine: paragraphs of one-letter fields. It does not write down who asked."""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.software import Database, Installed

_PATHS: Final = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")


def _installed(host: Host) -> Installed | None:
    path = next((path for path in _PATHS if host.exists(path)), _PATHS[0])
    try:
        with open(host.root + path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return Installed(apk(file.read()))
    except OSError:
        return None


def apk(text: str) -> dict[str, str]:
    """Name -> version of apk's `installed`: P: is the name, V: the version; an empty line ends a package."""
    packages: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("P:"):
            name = line[2:]
        elif line.startswith("V:") and name:
            packages[name] = line[2:]
        elif not line:
            name = ""
    return packages


APK: Final = Database("apk", _PATHS, _installed, busy=lambda _: False, who=lambda _host, _at: "")
