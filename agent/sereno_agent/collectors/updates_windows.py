"""Windows updates that wait, and how many of them are about security, from what Windows already knows (offline)."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 4 * 3_600_000
DEADLINE_S: Final = 240.0
APART: Final = True
BEGIN_AFTER_S: Final = 300.0
_SCRIPT: Final = (
    "$s = (New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher(); $s.Online = $false; "
    "foreach ($u in $s.Search('IsInstalled=0 and IsHidden=0').Updates) { [pscustomobject]@{Title=$u.Title;"
    "Severity=$u.MsrcSeverity;Kinds=@($u.Categories | ForEach-Object {$_.CategoryID})} }"
)
_SECURITY: Final = "0fa1201d-4330-4fa8-8ae9-b877473b6441"  # the category "Security Updates", whatever it is called


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        rows = powershell.rows(surroundings.host, "updates", _SCRIPT, timeout_s=200.0)
        if rows is None:
            return
        urgent = [row for row in rows if row.get("Severity") or _SECURITY in (row.get("Kinds") or ())]
        reading.gauge("updates_pending", len(rows))
        reading.gauge("updates_security_pending", len(urgent))

    return collect
