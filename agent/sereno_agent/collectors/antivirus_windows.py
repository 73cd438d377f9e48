"""Microsoft Defender: whether it watches, how old its signatures are, and when it last looked."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 15 * 60_000
DEADLINE_S: Final = 90.0
APART: Final = True
_DAY_S: Final = 86_400
_NEVER: Final = 4_294_967_295  # days, where it never did
_SCRIPT: Final = (
    "Get-MpComputerStatus | Select-Object AntivirusEnabled,RealTimeProtectionEnabled,IsTamperProtected,"
    "AntivirusSignatureAge,QuickScanAge"
)


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        for row in (powershell.rows(surroundings.host, "defender", _SCRIPT) or ())[:1]:
            reading.gauge("antivirus_enabled", bool(row.get("AntivirusEnabled")))
            reading.gauge("antivirus_watching", bool(row.get("RealTimeProtectionEnabled")))
            for name, field in (
                ("antivirus_signatures_age_seconds", "AntivirusSignatureAge"),
                ("antivirus_scan_age_seconds", "QuickScanAge"),
            ):
                days = row.get(field)
                if isinstance(days, int) and days != _NEVER:
                    reading.gauge(name, days * _DAY_S)

    return collect
