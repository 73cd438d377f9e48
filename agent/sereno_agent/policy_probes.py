"""The policy's names for what checks may reach: hosts, addresses and plugins."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sereno_agent.policy_text import Table
from sereno_diagnostics.allowed import NamedHost, NamedPlugin, NamedUrl
from sereno_proto.limits import PLUGIN_TIMEOUT_S_MAX, TEXT_CHARS_MAX

HOST: Final = r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?"
_URL: Final = r"https?://[!-~]{1,2000}"
_PORTS_MAX: Final = 32
_PORT_MAX: Final = 65_535
_ARGUMENTS_MAX: Final = 64
_STATUS: Final = (100, 599)


def host(name: str, entry: Table) -> NamedHost:
    """Reads `[hosts.NAME]`."""
    entry.only("name", "ports")
    return NamedHost(
        name=name,
        host=entry.text("name", HOST, "a host's name such as db.example.com"),
        ports=entry.integers("ports", 1, _PORT_MAX, _PORTS_MAX),
    )


def url(name: str, entry: Table) -> NamedUrl:
    """Reads `[urls.NAME]`. Credentials do not belong into an address: it is shown to people."""
    entry.only("url", "status", "contains")
    address = entry.text("url", _URL, "an address such as https://shop.example.com/health")
    try:
        parts = urlsplit(address)
        named = bool(re.fullmatch(rf"{HOST}|[0-9a-f:.]+", parts.hostname or "")) and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise entry.wrong("url", f"{address!r} names no host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise entry.wrong("url", "must hold no user, password or fragment")
    contains = ""
    if entry.has("contains"):
        contains = entry.text("contains", rf".{{1,{TEXT_CHARS_MAX}}}", "a text on one line")
    return NamedUrl(name=name, url=address, status=entry.integer("status", 200, *_STATUS), contains=contains)


def plugin(name: str, entry: Table) -> NamedPlugin:
    """Reads `[plugins.NAME]`: an absolute path and arguments, started without a shell."""
    entry.only("command", "timeout_s")
    command = entry.names("command")
    if not command or not Path(command[0]).is_absolute() or ".." in Path(command[0]).parts:
        raise entry.wrong("command", "must be a list: the program's absolute path without '..', then its arguments")
    if len(command) > _ARGUMENTS_MAX:
        raise entry.wrong("command", f"has more than {_ARGUMENTS_MAX} words")
    return NamedPlugin(
        name=name, command=command, timeout_s=float(entry.integer("timeout_s", 10, 1, int(PLUGIN_TIMEOUT_S_MAX)))
    )
