r"""Registry keys: those that start programs or weaken a Windows, and those that the policy names ([registry.NAME]).

One level of a key: its own values. A key below it is a key of its own in the policy.
"""

from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 30_000
_CURRENT: Final = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_NT: Final = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_CONTROL: Final = r"HKLM\SYSTEM\CurrentControlSet\Control"
# Where programs start from, who may log in from afar, and what keeps watch. Values that move by themselves are left.
KEYS: Final = {
    rf"{_CURRENT}\Run": (),
    rf"{_CURRENT}\RunOnce": (),
    r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run": (),
    rf"{_CURRENT}\Policies\System": (),
    rf"{_NT}\Winlogon": ("Shell", "Userinit", "AutoAdminLogon", "DefaultUserName"),
    rf"{_NT}\Windows": ("AppInit_DLLs", "LoadAppInit_DLLs"),
    rf"{_CONTROL}\Lsa": ("LmCompatibilityLevel", "RunAsPPL", "LimitBlankPasswordUse", "Authentication Packages"),
    rf"{_CONTROL}\Terminal Server": ("fDenyTSConnections",),
    rf"{_CONTROL}\Terminal Server\WinStations\RDP-Tcp": ("PortNumber", "UserAuthentication", "SecurityLayer"),
    rf"{_CONTROL}\TimeZoneInformation": ("TimeZoneKeyName",),
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU": (),
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender": (),
    r"HKLM\SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths": (),
    r"HKLM\SOFTWARE\Microsoft\Windows Defender\Exclusions\Processes": (),
    r"HKLM\SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters": ("SMB1", "RequireSecuritySignature"),
    r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters": ("Hostname", "Domain", "NameServer", "SearchList"),
}


def make(surroundings: Surroundings) -> Collect:
    return Comparison("registry_changes", lambda: read(surroundings.host, surroundings.policy()), surroundings).collect


def read(host: Host, policy: Policy) -> State:
    r"""Each value as an object of its own: `registry KEY\NAME`."""
    wanted: dict[str, tuple[str, ...]] = {**KEYS, **{one.key: () for one in policy.registry.values()}}
    values = {}
    for key, names in wanted.items():
        for name, text in (host.registry.values(key) or {}).items():
            if not names or name in names:
                # With its name, so that what is called a password is taken for one.
                values[f"registry {key}\\{name}"] = f"{name} = {text}"
    return State(values)
