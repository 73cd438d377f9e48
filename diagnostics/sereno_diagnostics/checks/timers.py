"""Timers of systemd: whether what they start succeeded, and which have not run for long."""

from sereno_diagnostics import systemd
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, ago, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Timers"
PARAMETERS = (Parameter("days", "number", "a timer that ran longer ago is noted", default="8", minimum=1, maximum=400),)
READS = ("/run/systemd/*", "units")
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "what a timer started has failed", "note": "one has not run for so many days"}
FIGURES = {"timers": "how many there are", "failed": "whose last run failed", "late": "which have not run for so long"}
_DAY_S = 86_400


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, those that failed or are late as evidence."""
    units = reader.units()
    if units is None:
        return untold("Timers", "systemd does not run here, or did not answer")
    services = {unit.get("Id", ""): unit for unit in units}
    timers = [unit for unit in units if unit.get("Id", "").endswith(".timer") and unit.get("ActiveState") == "active"]
    now, days = reader.now_s(), float(values["days"])
    failed, late = [], []
    for timer in timers:
        job = timer["Id"].removesuffix(".timer")
        result = services.get(timer.get("Unit") or f"{job}.service", {}).get("Result", "success")
        ran = systemd.moment(timer.get("LastTriggerUSec", ""))
        if result not in {"success", ""}:
            failed.append((job, f"{result}{f', ran {ago(now - ran)}' if ran else ''}"))
        elif ran is not None and now - ran > days * _DAY_S:
            late.append((job, f"ran {ago(now - ran)}"))
    title = f"{counted(len(timers), 'timer')}, all well"
    if failed:
        title = f"{counted(len(failed), 'timer')} failed: {', '.join(job for job, _ in failed[:3])}"
    elif late:
        title = f"{counted(len(late), 'timer')} did not run for {days:g} days: {', '.join(job for job, _ in late[:3])}"
    return [
        finding(
            SERIOUS if failed else NOTE if late else FINE,
            title,
            advice="Look at what its service logged the last time." if failed else "",
            evidence=[*failed, *late],
            figures={"timers": len(timers), "failed": len(failed), "late": len(late)},
        )
    ]
