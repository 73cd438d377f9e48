"""The Windows firewall: its profiles, and its rules as the registry keeps them. Group policy's rules too."""

from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
APART: Final = True
_LOCAL: Final = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_GROUP: Final = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
_PROFILES: Final = ("DomainProfile", "StandardProfile", "PublicProfile")
_SAID: Final = ("EnableFirewall", "DefaultInboundAction", "DefaultOutboundAction")
_LEFT: Final = ("Name", "Desc", "EmbedCtxt")  # names are resources of Windows' own files


def make(surroundings: Surroundings) -> Collect:
    return Comparison("firewall_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Profiles and rules as text."""
    values = {}
    for folder in (_LOCAL, _GROUP):
        where = "" if folder == _LOCAL else " (group policy)"
        for profile in _PROFILES:
            found = host.registry.values(f"{folder}\\{profile}") or {}
            if said := ", ".join(f"{name} {found[name]}" for name in _SAID if name in found):
                values[f"firewall {profile}{where}"] = said
        for rule, text in (host.registry.values(f"{folder}\\FirewallRules") or {}).items():
            values[f"firewall {named(rule, text)}{where}"] = meaning(text)
    return State(values)


def meaning(text: str) -> str:
    """`v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=8443|Name=x|` without the version and its words."""
    parts = [part.partition("=") for part in text.split("|") if "=" in part]
    return ", ".join(f"{name} {value}" for name, _, value in parts if name not in _LEFT)


def named(rule: str, text: str) -> str:
    """The name that a person gave the rule, or its key's."""
    name = next((part[5:] for part in text.split("|") if part.startswith("Name=")), "")
    return rule if not name or name.startswith("@") else name
