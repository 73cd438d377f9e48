"""Whether what a service of the policy needs is there: required and wanted units that do not run."""

from sereno_diagnostics import systemd
from sereno_diagnostics.findings import FAILING, FINE, NOTE, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import BadInput
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Service dependencies"
PARAMETERS = (Parameter("service", "service", "the service whose needs are looked at"),)
READS = ("/run/systemd/*", "unit_needs")
TIMEOUT_S = 45.0
SEVERITIES = {"failing": "something that it requires does not run", "note": "something that it wants has failed"}
FIGURES = {"needs": "units it requires or wants", "missing": "of the required ones that do not run"}
UNITS_MAX = 24
_REQUIRED = ("Requires", "Requisite", "BindsTo")
_RUNS = {"active", "reloading", "activating"}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, what is missing as evidence."""
    service = reader.allowed.service(str(values["service"]))
    unit = _unit(reader, service.unit) if reader.has_systemd() else None
    if unit is None:
        return untold(f"What {service.name} needs", "systemd does not run here, or did not answer")
    required = list(dict.fromkeys(name for key in _REQUIRED for name in unit.get(key, "").split()))
    wanted = [name for name in unit.get("Wants", "").split() if name not in required]
    reader.truncated |= len(required) + len(wanted) > UNITS_MAX
    states = {name: _unit(reader, name) or {} for name in [*required, *wanted][:UNITS_MAX]}
    missing = [name for name in required if name in states and states[name].get("ActiveState") not in _RUNS]
    failed = [name for name in wanted if states.get(name, {}).get("ActiveState") == "failed"]
    title = f"{service.name} has all {counted(len(required), 'unit')} that it requires"
    if missing:
        title = f"{service.name} requires {missing[0]}, which is {states[missing[0]].get('ActiveState', 'unknown')}"
    elif failed:
        title = f"{service.name} wants {failed[0]}, which has failed"
    return [
        finding(
            FAILING if missing else NOTE if failed else FINE,
            title,
            advice="Mend what it needs first: restarting the service itself will not help." if missing else "",
            evidence=[(name, states[name].get("ActiveState", "unknown")) for name in [*missing, *failed]],
            figures={"needs": len(required) + len(wanted), "missing": len(missing)},
        )
    ]


def _unit(reader: Reader, name: str) -> systemd.Unit | None:
    try:
        found = systemd.parse(reader.told("unit_needs", unit=name) or "")
    except BadInput:
        return None  # a name that systemd takes and the allow-list does not
    return found[0] if found else None
