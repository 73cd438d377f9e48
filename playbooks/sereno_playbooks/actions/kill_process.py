"""Ends a process that the policy names: asks it to end, and kills it when it does not within a time."""

import signal
from typing import Final

from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import processes
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: what it had in memory is gone; what started it may start it again"
LIMITS = {"processes-max": 1}
NEEDS = ("kill",)
PARAMETERS = (
    *processes.PARAMETERS,
    Parameter("grace_s", "number", "how long it may take to end by itself", "10", 0, 120),
)

_KILLED_S: Final = 10.0


def plan(values: Values, site: Site) -> Draft:
    """One process by its id and start."""
    named, process = processes.choose("kill", values, site)
    if process is None:
        return Draft(f"No process of {named.name} runs.", UNDO)
    return Draft(
        effect=f"Ends process {process.pid} ({process.name}); kills it after {values['grace_s']:g} s.",
        undo=UNDO,
        subjects=(Subject("process", processes.name_of(process), "running", "gone"),),
        bounds={"processes-max": 1},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the process became another program."""
    with processes.held("kill", step, values, site):
        pass


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Signals the very process that was planned, and waits for its end."""
    with processes.held("kill", step, values, site) as found:
        if found is None:
            return "no such process runs any more"
        descriptor, process = found
        site.record({"process": processes.name_of(process)})
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if processes.ended(descriptor, float(values["grace_s"])):
            return f"process {process.pid} ({process.name}) ended"
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if not processes.ended(descriptor, _KILLED_S):
            raise Refused("E_REQUIRE_FAILED", f"process {process.pid} was killed and has not ended")
    return f"process {process.pid} ({process.name}) was killed, as it did not end by itself"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)
