"""Processes that actions may touch: chosen among those that the policy names, and held by a descriptor (pidfd).

A plan names a process by its id and the moment of its start. The descriptor is opened first and start and program are
looked at then, so that another process that got the same id is never touched.
"""

import contextlib
import os
import pwd
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sereno_diagnostics import procfs
from sereno_diagnostics.allowed import NamedProcess
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks.action import Site
from sereno_proto.errors import Refused
from sereno_proto.limits import PROCESSES_MAX
from sereno_proto.planned_step import PlannedStep, Subject

PARAMETERS: Final = (
    Parameter("process", "process", "the processes to choose from"),
    Parameter("pid", "number", "which one; 0: that which takes most processor time for a second", "0", 0, (1 << 22)),
)
_SAMPLE_S: Final = 1.0
_OWN: Final = ("sereno_agent", "sereno-agent", "sereno_server")
_KERNEL: Final = 2  # the parent of the kernel's own threads
_GONE: Final = ("Z", "X", "x")


def choose(verb: str, values: Values, site: Site) -> tuple[NamedProcess, procfs.Process | None]:
    """The process of that id, or the busiest one that the policy names; None when there is none.

    Raises E_POLICY_FORBIDS, and E_OUTSIDE_POLICY for an id of anything else.
    """
    named = site.allowed.process(str(values["process"]))
    require(verb, named)
    pid = int(values["pid"])
    found = {one.pid: one for one in _all(site) if _is(one, named, site)}
    if pid:
        one = look(pid, site)
        if one is not None and pid not in found:
            raise Refused("E_OUTSIDE_POLICY", f"process {pid} is none of those that {named.name} names")
        return named, one
    if len(found) > 1:
        site.wait(_SAMPLE_S)
        later = {one.pid: one for one in _all(site) if one.pid in found and one.started == found[one.pid].started}
        if later:
            return named, max(later.values(), key=lambda one: (one.ticks - found[one.pid].ticks, one.ticks))
    return named, next(iter(found.values()), None)


def require(verb: str, named: NamedProcess) -> None:
    """Raises E_POLICY_FORBIDS unless the policy lets these processes be changed so."""
    if verb not in named.allow:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not let {named.name} be changed so: {verb}")


def name_of(process: procfs.Process) -> str:
    """How a plan names a process: `PROGRAM:ID@START`."""
    return f"{process.name}:{process.pid}@{process.started}"


@contextmanager
def held(verb: str, step: PlannedStep, values: Values, site: Site) -> Iterator[tuple[int, procfs.Process] | None]:
    """A descriptor of the planned process and what it is now; None when the plan names none, or it has ended.

    Raises E_TARGET_DRIFTED when it is another program now, or no longer of those that the policy names.
    """
    named = site.allowed.process(str(values["process"]))
    require(verb, named)
    if not step.subjects:
        yield None
        return
    (subject,) = step.subjects
    pid, started = _of_name(subject, named)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    except (AttributeError, OSError) as error:
        raise Refused("E_PROGRAM_FAILED", f"the kernel does not let a process be held: {error}") from error
    try:
        now = look(pid, site)
        if now is None or now.started != started or now.state in _GONE or ended(descriptor, 0):
            yield None  # it has ended; whatever has its id now is another one
        elif not _is(now, named, site):
            raise Refused("E_TARGET_DRIFTED", f"process {pid} is another program now: {now.name}")
        else:
            yield descriptor, now
    finally:
        os.close(descriptor)


def ended(descriptor: int, within_s: float) -> bool:
    """Whether the process ends within this time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(within_s * 1000))


def look(pid: int, site: Site) -> procfs.Process | None:
    """The process as it is now; None when there is none of that id."""
    return procfs.whole_process(pid, site.machine.read(f"/proc/{pid}/stat") or "")


def _all(site: Site) -> Iterator[procfs.Process]:
    pids = [int(name) for name in site.machine.names("/proc") if name.isdigit()]
    if len(pids) > PROCESSES_MAX:
        raise Refused("E_BOUND", f"more than {PROCESSES_MAX} processes run")
    for pid in pids:
        one = look(pid, site)
        if one is not None and one.state not in _GONE:
            yield one


def _is(process: procfs.Process, named: NamedProcess, site: Site) -> bool:
    """Whether the policy's entry means it. Never the first process, the kernel's, this one, its forebears, Sereno's."""
    if process.name != named.program or process.pid in _forebears(site) or _KERNEL in (process.pid, process.parent):
        return False
    words = (site.machine.read(f"/proc/{process.pid}/cmdline") or "").rstrip("\0").split("\0")
    if not words[0] or any(own in word for own in _OWN for word in words):
        return False
    if named.argument and named.argument not in words[1:]:
        return False
    return not named.user or _user(process.pid, site) == named.user


def _forebears(site: Site) -> set[int]:
    """This process, its parent and so on, and the first one."""
    found, pid = {1}, os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        one = look(pid, site)
        pid = one.parent if one else 0
    return found


def _user(pid: int, site: Site) -> str:
    status = site.machine.look(f"/proc/{pid}")
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(status.owner).pw_name if status else ""
    return ""


def _of_name(subject: Subject, named: NamedProcess) -> tuple[int, int]:
    """The id and the start that a plan names; refuses anything that is not a process of the policy's program."""
    program, _, rest = subject.name.rpartition(":")
    pid, _, started = rest.partition("@")
    if subject.kind != "process" or program != named.program or not (pid.isdigit() and started.isdigit()):
        raise Refused("E_OUTSIDE_POLICY", f"{subject.name!r} is no process that {named.name} names")
    return int(pid), int(started)
