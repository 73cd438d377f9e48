"""Services that come and go: systemd starts them again and again, or has given up doing so."""

from sereno_diagnostics import systemd
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Restart loops"
PARAMETERS = ()
READS = ("/run/systemd/*", "units")
TIMEOUT_S = 30.0
SEVERITIES = {
    "failing": "a service is about to be started again, or was given up",
    "serious": "one was started again 5 times or more, and within the last hour",
    "note": "one was started again 3 times or more",
}
FIGURES = {"looping": "services that come and go", "most_restarts": "of the one started again most often"}
_NOTED, _MANY, _LATELY_S = 3, 5, 3600


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a service a row."""
    units = reader.units()
    if units is None:
        return untold("Restarts", "systemd does not run here, or did not answer")
    rated = [(_severity(unit, reader.now_s()), systemd.number(unit, "NRestarts") or 0, unit) for unit in units]
    found = sorted((row for row in rated if row[0] > FINE), key=lambda row: (-row[0], -row[1], row[2].get("Id", "")))
    figures = {"looping": len(found), "most_restarts": max((row[1] for row in rated), default=0)}
    if not found:
        return [finding(FINE, "No service comes and goes", figures=figures)]
    severity, restarts, unit = found[0]
    return [
        finding(
            severity,
            f"{counted(len(found), 'service')} found that comes and goes: {unit.get('Id', '')}, "
            f"started again {counted(restarts, 'time')}",
            advice="Look at what it logged before it ended, then at what changed before the first time.",
            evidence=[(one.get("Id", ""), _words(one, count)) for _, count, one in found],
            figures=figures,
        )
    ]


def _severity(unit: systemd.Unit, now_s: float) -> Severity.ValueType:
    restarts = systemd.number(unit, "NRestarts") or 0
    if unit.get("SubState") == "auto-restart" or unit.get("Result") == "start-limit-hit":
        return FAILING
    since = systemd.moment(unit.get("ActiveEnterTimestamp", ""))
    if restarts >= _MANY and since is not None and now_s - since < _LATELY_S:
        return SERIOUS
    return NOTE if restarts >= _NOTED else FINE


def _words(unit: systemd.Unit, restarts: int) -> str:
    return f"{counted(restarts, 'restart')}, {unit.get('SubState', '')}, result {unit.get('Result', '')}"
