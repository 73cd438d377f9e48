"""Starts workers: each check, dry run, action and undo lives in a process of its own (see worker.py).

The worker loads the policy itself and checks everything again; nothing it is told here widens what it may do.
Raises Refused with the worker's own code, E_WORKER_LIMIT when it exceeded time, memory or output, E_WORKER_FAILED
when it died, E_OVERLOADED when too many run already.
"""

import asyncio
import base64
import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sereno_agent import child
from sereno_agent.records import planned_step_from, step_record
from sereno_playbooks.action import ActionFailed, Outcome
from sereno_proto.errors import CATALOGUE, Refused
from sereno_proto.limits import ACTION_TIMEOUT_S, WORKER_TIMEOUT_S, WORKERS_MAX
from sereno_proto.planned_step import PlannedStep
from sereno_proto.v1.runs_pb2 import CheckResult, Step

_COMMAND: Final = [sys.executable, "-P", "-s", "-B", "-m", "sereno_agent.worker"]
_slots: Final = threading.BoundedSemaphore(WORKERS_MAX)


async def run_check(
    name: str, parameters: Mapping[str, str], *, policy_path: Path, state: Path, timeout_s: float = WORKER_TIMEOUT_S
) -> CheckResult:
    """Runs a check in a worker without blocking the event loop; cancelling it kills the worker."""
    running = child.Running()
    task = asyncio.ensure_future(
        asyncio.to_thread(_check, _check_request(name, parameters), policy_path, state, timeout_s, running)
    )
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def run_check_sync(
    name: str, parameters: Mapping[str, str], *, policy_path: Path, state: Path, timeout_s: float = WORKER_TIMEOUT_S
) -> CheckResult:
    """The same for the executor, which has no event loop."""
    return _check(_check_request(name, parameters), policy_path, state, timeout_s, child.Running())


def plan_action(step: Step, *, policy_path: Path, state: Path, timeout_s: float = WORKER_TIMEOUT_S) -> PlannedStep:
    """A dry run: the step with its targets, bounds, diff, risk and code digest. Changes nothing.

    name, parameters, require, when and on_failure are taken over from the step.
    """
    request = {"task": "plan", "step": base64.b64encode(step.SerializeToString()).decode()}
    return planned_step_from(_work(request, policy_path, state, timeout_s)["planned"])


def verify_action(step: PlannedStep, *, policy_path: Path, state: Path, timeout_s: float = WORKER_TIMEOUT_S) -> None:
    """Raises what apply_action would raise before its first change (drift, bound, policy, code). Changes nothing.

    For looking at every step of a plan before the first one is carried out.
    """
    _work({"task": "verify", "step": step_record(step)}, policy_path, state, timeout_s)


def apply_action(step: PlannedStep, *, policy_path: Path, state: Path, timeout_s: float = ACTION_TIMEOUT_S) -> Outcome:
    """Carries out one planned step. Raises ActionFailed, whose undo_data (if any) is to be reverted by the caller."""
    request = {"task": "apply", "step": step_record(step)}
    return Outcome(**_work(request, policy_path, state, timeout_s)["outcome"])


def revert_action(
    step: PlannedStep, undo_data: str, *, policy_path: Path, state: Path, timeout_s: float = ACTION_TIMEOUT_S
) -> Outcome:
    """Takes back what apply_action did; `complete` is False, and the summary says why, where that is not possible."""
    request = {"task": "revert", "step": step_record(step), "undo": undo_data}
    return Outcome(**_work(request, policy_path, state, timeout_s)["outcome"])


def _check_request(name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {"task": "check", "name": name, "parameters": dict(parameters)}


def _check(
    request: dict[str, Any], policy_path: Path, state: Path, timeout_s: float, running: child.Running
) -> CheckResult:
    started = time.monotonic()
    answer = _work(request, policy_path, state, timeout_s, running)
    result = CheckResult.FromString(base64.b64decode(answer["check_result"]))
    result.duration_ms = (time.monotonic() - started) * 1000
    return result


def _work(
    request: dict[str, Any], policy_path: Path, state: Path, timeout_s: float, running: child.Running | None = None
) -> dict[str, Any]:
    """Gives the worker's answer; raises what it says went wrong, with the undo entries it had written until then."""
    request |= {"policy": str(policy_path), "state": str(state), "timeout_s": timeout_s}
    if not _slots.acquire(blocking=False):
        raise Refused("E_OVERLOADED", f"{WORKERS_MAX} workers run already")
    try:
        ended = child.run(_COMMAND, json.dumps(request).encode() + b"\n", timeout_s, running)
    finally:
        _slots.release()
    answer, entries = _read_output(ended.output)
    undo = json.dumps(entries) if entries else ""
    failed = ActionFailed if request["task"] == "apply" else _refused
    if ended.overrun:
        raise failed("E_WORKER_LIMIT", f"the worker exceeded its {ended.overrun} and was killed", "", undo)
    if answer is None:
        last = ended.errors.decode(errors="replace").strip().splitlines()[-1:]
        raise failed("E_WORKER_FAILED", f"the worker ended with {ended.exit_code}: {''.join(last)[:300]}", "", undo)
    if "code" in answer:
        code = answer["code"] if answer["code"] in CATALOGUE else "E_WORKER_FAILED"
        raise failed(code, str(answer["what"])[:1000], str(answer["remedy"])[:1000], undo)
    return answer


def _refused(code: str, what: str, remedy: str, _undo: str) -> Refused:
    return Refused(code, what, remedy)


def _read_output(output: bytes) -> tuple[dict[str, Any] | None, list[Any]]:
    """The answer (None when there is none) and the undo entries; a torn last line is ignored."""
    answer, entries = None, []
    for line in output.split(b"\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "undo" in record:
            entries.append(record["undo"])
        else:
            answer = record
    return answer, entries
