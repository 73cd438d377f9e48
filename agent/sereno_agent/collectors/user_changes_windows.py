"""Local users of Windows, and who is in the groups that may administer or log in from afar."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 120_000
DEADLINE_S: Final = 90.0
APART: Final = True
_USERS: Final = (
    "Get-LocalUser | Select-Object Name,Enabled,FullName,@{n='Sid';e={$_.SID.Value}},"
    "@{n='PasswordSet';e={if ($_.PasswordLastSet) {$_.PasswordLastSet.ToUniversalTime().ToString('yyyy-MM-dd')}}}"
)
# By number: their names are translated. Administrators, remote desktop, remote management, backup operators.
_GROUPS: Final = (
    "foreach ($sid in 'S-1-5-32-544','S-1-5-32-555','S-1-5-32-580','S-1-5-32-551') { "
    "$group = Get-LocalGroup -SID $sid -ErrorAction SilentlyContinue; if ($group) { [pscustomobject]@{Name=$group.Name;"
    "Members=((Get-LocalGroupMember -SID $sid -ErrorAction SilentlyContinue).Name | Sort-Object) -join ', '} } }"
)


def make(surroundings: Surroundings) -> Collect:
    return Comparison("user_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State | None:
    """Users and groups; None when Windows did not answer."""
    users, groups = powershell.rows(host, "users", _USERS), powershell.rows(host, "groups", _GROUPS)
    if users is None or groups is None:
        return None
    values, facts = {}, {}
    for row in users:
        state = "enabled" if row.get("Enabled") else "disabled"
        values[f"user {row['Name']}"] = ", ".join(filter(None, (state, row.get("FullName"), row.get("Sid"))))
        values[f"password {row['Name']}"] = f"set on {row['PasswordSet']}" if row.get("PasswordSet") else "never set"
        facts[f"user.{row['Name']}"] = state
    for row in groups:
        values[f"group {row['Name']}"] = facts[f"group.{row['Name']}"] = str(row.get("Members") or "no members")
    return State(values, facts)
