"""Gives a process that the policy names less, or more, of the processor beside others."""

import os

from sereno_diagnostics import procfs
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import processes
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject

RISK = "low"
UNDO = "every thread gets its earlier niceness again"
LIMITS = {"processes-max": 1}
NEEDS = ("nice",)
PARAMETERS = (
    *processes.PARAMETERS,
    Parameter("nice", "number", "the niceness: the higher, the less it gets", None, -10, 19),
)


def plan(values: Values, site: Site) -> Draft:
    """One process by its id and start, with its niceness before and after."""
    named, process = processes.choose("renice", values, site)
    if process is None:
        return Draft(f"No process of {named.name} runs.", UNDO)
    before, after = _state(process, site), f"nice={int(values['nice'])}"
    if before == after:
        return Draft(f"Process {process.pid} ({process.name}) has {after} already.", UNDO)
    return Draft(
        effect=f"Sets the niceness of process {process.pid} ({process.name}) from {before[5:]} to {after[5:]}.",
        undo=UNDO,
        subjects=(Subject("process", processes.name_of(process), before, after),),
        bounds={"processes-max": 1},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the process became another program, or has another niceness since."""
    with processes.held("renice", step, values, site) as found:
        if found:
            _waiting(found[1], step, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Sets it on every thread; threads that come meanwhile inherit it."""
    with processes.held("renice", step, values, site) as found:
        if found is None:
            return "no such process runs any more"
        descriptor, process = found
        if not _waiting(process, step, site):
            return f"process {process.pid} had it already"
        before = _threads(process.pid, site)
        site.record(
            {"process": processes.name_of(process), "threads": {str(key): nice for key, nice in before.items()}}
        )
        for thread in before:
            _set(descriptor, process.pid, thread, int(values["nice"]))
    return f"process {process.pid} ({process.name}) has {step.subjects[0].after}, it had {step.subjects[0].before}"


def revert(step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Gives the threads back what they had, where the process still runs."""
    with processes.held("renice", step, values, site) as found:
        if found is None:
            return Outcome("the process has ended, so nothing is to be undone")
        descriptor, process = found
        now = _threads(process.pid, site)
        for entry in entries:
            threads = entry.get("threads")
            for thread, nice in threads.items() if isinstance(threads, dict) else ():
                if int(thread) in now:
                    _set(descriptor, process.pid, int(thread), int(nice))
    return Outcome(f"process {process.pid} has {_state(process, site)} again")


def _waiting(process: procfs.Process, step: PlannedStep, site: Site) -> bool:
    (subject,) = step.subjects
    now = _state(process, site)
    if now not in {subject.before, subject.after}:
        raise Refused("E_TARGET_DRIFTED", f"{subject.name} has {now}, it had {subject.before}")
    return now == subject.before


def _set(descriptor: int, process: int, thread: int, nice: int) -> None:
    """Sets one thread's niceness; one that has just ended is passed over."""
    try:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise Refused("E_PROGRAM_FAILED", f"the system does not let this user set the niceness to {nice}") from error
    if processes.ended(descriptor, 0):
        raise Refused("E_TARGET_DRIFTED", f"process {process} ended while its niceness was set")


def _state(process: procfs.Process, site: Site) -> str:
    """`nice=N` of its first thread."""
    return f"nice={_threads(process.pid, site).get(process.pid, 0)}"


def _threads(pid: int, site: Site) -> dict[int, int]:
    """The niceness of each of its threads."""
    found = {}
    for name in site.machine.names(f"/proc/{pid}/task"):
        text = site.machine.read(f"/proc/{pid}/task/{name}/stat") or ""
        fields = text[text.rfind(")") + 2 :].split()
        if name.isdigit() and len(fields) > _NICE:
            found[int(name)] = int(fields[_NICE])
    return found


_NICE = 16  # the 19th field of stat, two of which stand before the last bracket
