"""Windows services: which start by themselves and run, as whom, and which program; and drivers that were added."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.powershell import Row
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 120_000
DEADLINE_S: Final = 90.0
APART: Final = True
_SCRIPT: Final = "Get-CimInstance Win32_Service | Select-Object Name,StartMode,State,StartName,PathName"


def make(surroundings: Surroundings) -> Collect:
    return Comparison("service_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State | None:
    """Every service; None when Windows did not answer."""
    rows = powershell.rows(host, "services", _SCRIPT)
    if not rows:
        return None
    values = {f"service {row['Name']}": described(row) for row in rows if row.get("Name")}
    return State(values, {key.replace(" ", ".", 1): text.partition(",")[0] for key, text in values.items()})


def described(row: Row) -> str:
    """One that starts by itself: whether it runs, too. One that others start comes and goes, and that is no change."""
    mode, state = str(row.get("StartMode", "")).lower(), str(row.get("State", "")).lower()
    parts = [f"{mode} {state}" if mode == "auto" else mode, f"as {row.get('StartName') or 'nobody'}"]
    return ", ".join([*parts, str(row.get("PathName") or "no program")])
