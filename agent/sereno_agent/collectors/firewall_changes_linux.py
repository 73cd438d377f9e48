"""Firewall rules: those in force (root only) without their counters, and those in files."""

import re
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
# Terse: the members of sets are what fail2ban and its like change all day.
_PROGRAMS: Final = (("nft", "-t", "list", "ruleset"), ("iptables-save",), ("ip6tables-save",))
_FILES: Final = (
    "/etc/nftables.conf", "/etc/iptables/rules.v4", "/etc/iptables/rules.v6", "/etc/sysconfig/iptables",
    "/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/ufw.conf", "/etc/firewalld/firewalld.conf",
)  # fmt: skip
_FOLDERS: Final = ("/etc/nftables.d", "/etc/firewalld/zones")
_COUNTERS: Final = re.compile(r"\s*\[\d+:\d+\]|\s*\b(?:counter )?packets \d+ bytes \d+")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("firewall_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """The rules as text, by where they come from."""
    values = {}
    for program in _PROGRAMS if host.privileged else ():
        text = host.ask(*program)
        if text is not None and (rules := meaning(text)):
            values[f"firewall {program[0]}"] = rules
    for path in (*_FILES, *(f"{folder}/{name}" for folder in _FOLDERS for name in host.names(folder))):
        text = host.read(path)
        if text is not None:
            values[f"firewall {path}"] = meaning(text)
    return State(values)


def meaning(text: str) -> str:
    """The rules without counters, comments and the chains that programs make for each container."""
    lines = (_COUNTERS.sub("", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
