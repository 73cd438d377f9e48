"""Installed programs of Windows, as its registry lists them, and the hotfixes."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 90.0
APART: Final = True
_UNINSTALL: Final = (
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
)
_HOTFIXES: Final = "Get-CimInstance Win32_QuickFixEngineering | Select-Object HotFixID,Description,InstalledBy"


def make(surroundings: Surroundings) -> Collect:
    kinds = frozenset({"package", "hotfix"})
    return Comparison("package_changes", lambda: read(surroundings.host), surroundings, together=kinds).collect


def read(host: Host) -> State:
    """Programs with their versions, and hotfixes with who installed them."""
    values: dict[str, str] = {}
    for folder in _UNINSTALL:
        for key in host.registry.keys(folder):
            entry = host.registry.values(f"{folder}\\{key}") or {}
            name = entry.get("DisplayName", "").strip()
            # Parts of another program, and updates of one, are not programs.
            if name and entry.get("SystemComponent") != "1" and not entry.get("ParentKeyName"):
                values[f"package {name}"] = entry.get("DisplayVersion", "").strip() or "no version"
    facts = {key.replace(" ", ".", 1): text for key, text in values.items()}
    for row in powershell.rows(host, "hotfixes", _HOTFIXES) or ():
        by = str(row.get("InstalledBy") or "").rpartition("\\")[2]
        text = str(row.get("Description") or "Update")
        values[f"hotfix {row.get('HotFixID')}"] = f"{text}, by {by}" if by else text
        facts[f"hotfix.{row.get('HotFixID')}"] = text
    return State(values, facts)
