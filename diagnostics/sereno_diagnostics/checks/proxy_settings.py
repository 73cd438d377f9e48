"""Which proxies this machine is told to use, and whether the places that say so agree."""

import re

from sereno_diagnostics.findings import FINE, NOTE, finding
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Proxy settings"
PARAMETERS = ()
READS = (
    *("/etc/environment", "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/profile.d/*"),
    *("/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/wgetrc"),
)
SEVERITIES = {"note": "several different proxies are named"}
FIGURES = {"places": "files that name a proxy", "proxies": "different ones"}
_FOLDERS = ("/etc/apt/apt.conf.d", "/etc/profile.d")
_NAMED = re.compile(
    r"^[^#\n]*?(?:https?_proxy|all_proxy|proxy)[\"']?\s*[= ]\s*[\"']?((?:https?|socks5?)://[^\s\"';]+)",
    re.MULTILINE | re.IGNORECASE,
)


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a place a row. User and password of a proxy are left out."""
    files = [one for one in READS if "*" not in one]
    files += [f"{folder}/{name}" for folder in _FOLDERS for name in reader.names(folder)]
    found = [(path, _bare(url)) for path in files for url in dict.fromkeys(_NAMED.findall(reader.text(path) or ""))]
    proxies = list(dict.fromkeys(proxy for _, proxy in found))
    title = "No proxy is named"
    if len(proxies) == 1:
        title = f"One proxy is named: {proxies[0]}"
    elif proxies:
        title = f"{len(proxies)} different proxies are named"
    return [
        finding(
            NOTE if len(proxies) > 1 else FINE,
            title,
            advice="Make them agree, or some programs get out and others do not." if len(proxies) > 1 else "",
            evidence=found,
            figures={"places": len({path for path, _ in found}), "proxies": len(proxies)},
        )
    ]


def _bare(url: str) -> str:
    found = re.match(r"([a-z0-9]+)://(?:[^/@]*@)?([A-Za-z0-9._:\[\]-]+)", url)
    return f"{found[1]}://{found[2]}" if found else "not readable"
