"""What the journal takes on the disk, and how much it may take."""

import re

from sereno_diagnostics.findings import FINE, NOTE, bytes_text, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Disk use of the journal"
PARAMETERS = ()
READS = ("journal_disk", "/etc/systemd/journald.conf")
SEVERITIES = {"note": "4 GB or more"}
FIGURES = {"used_bytes": "of all journal files that this user may see"}
_USED = re.compile(r"take up ([\d.]+)([BKMGT]?)")
_SCALE = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MUCH = 4e9


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding."""
    found = _USED.search(reader.told("journal_disk") or "")
    if found is None:
        return untold("Disk use of the journal", "there is no journal, or this user may not read it")
    used = float(found[1]) * _SCALE[found[2]]
    settings = [line for line in (reader.text("/etc/systemd/journald.conf") or "").splitlines() if line[:1].isalpha()]
    limits = [line for line in settings if line.startswith(("SystemMaxUse", "MaxRetentionSec", "Storage"))]
    return [
        finding(
            NOTE if used >= _MUCH else FINE,
            f"The journal takes {bytes_text(used)}",
            advice="Give it a limit (SystemMaxUse), or vacuum it." if used >= _MUCH else "",
            evidence=[("limits", ", ".join(limits) or "none set: a tenth of the file system, 4 GB at most")],
            figures={"used_bytes": used},
        )
    ]
