"""The worker process: one check, dry run, action or undo, confined by limits that it sets on itself before it starts.

It reads one JSON request from its standard input, which then stays open: when it closes, the parent is dead and the
worker kills its group. It loads the policy itself and trusts nothing in the request beyond it. Answers are JSON lines:
`{"undo": ...}` before each change, and last the result or the error.
"""

import base64
import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TextIO

from sereno_agent import policy, starting
from sereno_agent.folders import Folders
from sereno_agent.records import planned_step_from, step_record
from sereno_agent.redact import redactor
from sereno_agent.worker_host import WorkerHost
from sereno_playbooks import registry as actions
from sereno_playbooks.action import Site
from sereno_playbooks.programs import Programs
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.limits import SCRATCH_BYTES_MAX, WORKER_MEMORY_BYTES_MAX, WORKER_OPEN_FILES_MAX
from sereno_proto.v1.runs_pb2 import CheckResult, Step

_PR_SET_PDEATHSIG: Final = 1
_CHANGING: Final = frozenset({"apply", "revert"})
_REQUEST_BYTES_MAX: Final = 4 << 20
_PARENT_POLL_S: Final = 1.0


def main() -> int:
    """Serves the one request of this process."""
    answers = _take_standard_streams()
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    parent = os.getppid()
    _die_with(parent)
    request = json.loads(_read_line(0))
    _limit(request["timeout_s"], writes=request["task"] in _CHANGING)
    threading.Thread(target=_watch_lifeline, daemon=True).start()

    def answer(record: Mapping[str, object]) -> None:
        answers.write(json.dumps(record) + "\n")
        answers.flush()

    try:
        answer(_serve(request, answer))
    except SerenoError as error:
        answer({"code": error.code, "what": error.what, "remedy": error.remedy})
    except MemoryError:
        answer({"code": "E_WORKER_LIMIT", "what": "the worker exceeded its memory", "remedy": ""})
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        answer(
            {"code": "E_DISK_FULL" if full else "E_WORKER_FAILED", "what": f"the system refused: {error}", "remedy": ""}
        )
    return 0


def _serve(request: dict[str, Any], answer: Callable[[Mapping[str, object]], None]) -> dict[str, object]:
    """The answer to a request; raises SerenoError."""
    path, state = Path(request["policy"]), Path(request["state"])
    if Folders(state).lockdown.exists():
        raise Refused("E_LOCKDOWN")
    in_force = policy.load(path)
    allowed = policy.allowed(in_force, path, state)
    if request["task"] == "check":
        result = _check(request, in_force)
        return {"check_result": base64.b64encode(result.SerializeToString()).decode()}
    site = Site(
        allowed=allowed,
        now_s=time.time,
        record=lambda entry: answer({"undo": entry}),
        redact=redactor(in_force.redact),
        programs=Programs(starting.start, may_change=request["task"] in _CHANGING),
        machine=WorkerHost(),
    )
    try:
        return _act(request, in_force, site)
    except SerenoError as error:  # what a program of the system wrote may stand in it
        raise SerenoError(error.code, site.redact(error.what), error.remedy) from error


def _act(request: dict[str, Any], in_force: policy.Policy, site: Site) -> dict[str, object]:
    """The answer to what concerns an action."""
    if request["task"] == "plan":
        step = Step.FromString(base64.b64decode(request["step"]))
        if step.action:
            _permit(in_force, step.action)
        return {"planned": step_record(actions.plan(step, site))}
    planned = planned_step_from(request["step"])
    _permit(in_force, planned.action)
    if request["task"] == "verify":
        actions.verify(planned, site)
        return {"verified": True}
    if request["task"] == "apply":
        outcome = actions.apply(planned, site)
    else:
        outcome = actions.revert(planned, request["undo"], site)
    return {"outcome": asdict(replace(outcome, summary=site.redact(outcome.summary)))}


def _check(request: dict[str, Any], in_force: policy.Policy) -> CheckResult:
    """Runs a check within its own time, and takes secrets out of what it found."""
    # Imported here: an action needs neither probes nor databases.
    from sereno_agent import checking  # noqa: PLC0415

    path, state = Path(request["policy"]), Path(request["state"])
    return checking.run(request["name"], request["parameters"], in_force, path, state)


def _permit(in_force: policy.Policy, action: str) -> None:
    if action not in actions.names():
        raise Refused("E_ACTION_UNKNOWN", f"no action is called {action[:80]!r}")
    if action not in in_force.actions:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not allow the action {action}")


def _take_standard_streams() -> TextIO:
    """A private stream for answers; whatever prints goes to the error output, and can never pass as an answer."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="utf-8")


def _read_line(descriptor: int) -> bytes:
    """One line, read unbuffered so that nothing after it is taken."""
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(descriptor, 65536)
        if not chunk or len(line) > _REQUEST_BYTES_MAX:
            raise SystemExit(2)
        line += chunk
    return bytes(line)


def _limit(timeout_s: float, *, writes: bool) -> None:
    """Memory, processor time and open files; a check or a dry run cannot write any file at all."""
    seconds = int(timeout_s) + 1
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, WORKER_OPEN_FILES_MAX),
        (resource.RLIMIT_AS, WORKER_MEMORY_BYTES_MAX),
    ]
    if not writes:
        with contextlib.suppress(ValueError, OSError):  # a program may be let write what it needs for a moment (apt)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, SCRATCH_BYTES_MAX))
    for limit, value in limits:
        hard = resource.getrlimit(limit)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses RLIMIT_AS
            # What an action starts (apt, systemctl) may take more than Sereno's own code: see starting.py.
            resource.setrlimit(limit, (bound, hard if writes and limit in starting.LIFTED else bound))


def _die_with(parent: int) -> None:
    """Asks the kernel to end this process with its parent, where it can; the lifeline covers the rest."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_poll_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


def _poll_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    _kill_own_group()


def _watch_lifeline() -> None:
    """Ends the whole group when standard input closes."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    _kill_own_group()


def _kill_own_group() -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
