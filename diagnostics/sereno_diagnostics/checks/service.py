"""Whether a service of the policy runs, since when, and how often it had to be started again."""

from sereno_diagnostics import systemd
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, ago, bytes_text, counted, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding, Severity

TITLE = "Service"
PARAMETERS = (Parameter("service", "service", "the service to ask after"),)
READS = (
    "/run/systemd/*",
    "unit",
)
SEVERITIES = {
    "failing": "it failed, or is started again and again",
    "serious": "it does not run",
    "note": "it was started again",
}
FIGURES = {
    "active": "1 when it runs, else 0; missing when it cannot be told",
    "failed": "1 when it ended with an error, else 0",
    "restarts": "how often the system started it again by itself",
    "exit_status": "what its main process ended with last",
    "memory_bytes": "memory of all its processes",
    "tasks": "its processes and threads",
    "up_s": "seconds since it became active",
}

_EVIDENCE = (
    ("LoadState", "loaded"),
    ("ActiveState", "active"),
    ("SubState", "state"),
    ("Result", "result"),
    ("UnitFileState", "at start"),
)
_NUMBERS = (
    ("NRestarts", "restarts"),
    ("ExecMainStatus", "exit_status"),
    ("MemoryCurrent", "memory_bytes"),
    ("TasksCurrent", "tasks"),
)


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding with all figures."""
    service = reader.allowed.service(str(values["service"]))
    unit = reader.unit(service)
    if unit is None:
        why = "systemd does not run here, or did not answer"
        return [finding(NOTE, f"The state of {service.name} cannot be told", evidence=[("why", why)])]
    state = unit.get("ActiveState", "unknown")
    active = state in {"active", "reloading"}
    figures: dict[str, float] = {"active": active, "failed": state == "failed"}
    for key, figure in _NUMBERS:
        if (value := systemd.number(unit, key)) is not None:
            figures[figure] = value
    since = systemd.moment(unit.get("ActiveEnterTimestamp", ""))
    if active and since is not None:
        figures["up_s"] = max(0.0, reader.now_s() - since)
    severity = _severity(unit, active=active, restarts=figures.get("restarts", 0))
    return [
        finding(
            severity,
            _title(service.name, unit, figures),
            advice="Look at what it logged last, then at what changed before." if severity >= SERIOUS else "",
            evidence=[("unit", service.unit), *((name, unit.get(key, "")) for key, name in _EVIDENCE)],
            figures=figures,
        )
    ]


def _severity(unit: systemd.Unit, *, active: bool, restarts: float) -> Severity.ValueType:
    if unit.get("LoadState") != "loaded":
        return SERIOUS
    if unit.get("ActiveState") == "failed" or unit.get("SubState") == "auto-restart":
        return FAILING
    if not active:
        return SERIOUS
    return NOTE if restarts else FINE


def _title(name: str, unit: systemd.Unit, figures: dict[str, float]) -> str:
    loaded, state = unit.get("LoadState", ""), unit.get("ActiveState", "unknown")
    if loaded != "loaded":
        return f"{name} is {'not installed' if loaded == 'not-found' else loaded or 'unknown'}"
    if state == "failed":
        return f"{name} failed: {unit.get('Result', 'unknown')}, exit status {figures.get('exit_status', 0):.0f}"
    if not figures["active"]:
        return f"{name} does not run: it is {state}"
    parts = [f"{name} runs"]
    if "up_s" in figures:
        parts.append(f"started {ago(figures['up_s'])}")
    if "memory_bytes" in figures:
        parts.append(bytes_text(figures["memory_bytes"]))
    if figures.get("restarts"):
        parts.append(f"started again by itself {counted(int(figures['restarts']), 'time')}")
    return ", ".join(parts)
