"""Services and timers that systemd calls failed, and why each one failed."""

from sereno_diagnostics import systemd
from sereno_diagnostics.findings import FAILING, FINE, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Failed services"
PARAMETERS = ()
READS = ("/run/systemd/*", "units")
TIMEOUT_S = 30.0
SEVERITIES = {"failing": "a service has failed"}
FIGURES = {"failed": "how many have failed", "services": "how many services systemd knows"}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a failed unit a row."""
    units = reader.units()
    if units is None:
        return untold("Failed services", "systemd does not run here, or did not answer")
    failed = [unit for unit in units if unit.get("ActiveState") == "failed"]
    names = ", ".join(unit.get("Id", "") for unit in failed[:3])
    return [
        finding(
            FAILING if failed else FINE,
            f"{counted(len(failed), 'service')} failed: {names}" if failed else "No service has failed",
            advice="Look at what each logged last (journal_errors), then at what changed before." if failed else "",
            evidence=[(unit.get("Id", ""), _words(unit)) for unit in failed],
            figures={"failed": len(failed), "services": sum(u.get("Id", "").endswith(".service") for u in units)},
        )
    ]


def _words(unit: systemd.Unit) -> str:
    return f"{unit.get('Result', 'unknown')}, exit status {unit.get('ExecMainStatus', '?')}"
