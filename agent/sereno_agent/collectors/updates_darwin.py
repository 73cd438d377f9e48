"""Updates of macOS that wait, as `softwareupdate` knows them without looking anew."""

import re
from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 4 * 3_600_000
DEADLINE_S: Final = 180.0
APART: Final = True
BEGIN_AFTER_S: Final = 300.0
_LABEL: Final = re.compile(r"^\s*\* Label: (.+)$", re.MULTILINE)
_SECURITY: Final = re.compile(r"security|rapid response|xprotect|safari|macos", re.IGNORECASE)


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        text = surroundings.host.ask("softwareupdate", "--list", "--no-scan", timeout_s=150.0, codes=(0,))
        if text is None:
            return
        waiting = set(_LABEL.findall(text))
        reading.gauge("updates_pending", len(waiting))
        # Apple fixes security in updates of the system and of Safari, and does not mark them.
        reading.gauge("updates_security_pending", sum(bool(_SECURITY.search(label)) for label in waiting))

    return collect
