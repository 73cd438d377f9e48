"""Carries a plan out: step by step, showing each effect, undoing in reverse order when one fails."""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sereno_agent.executor.come_back import REBOOT
from sereno_agent.executor.device import Device
from sereno_agent.executor.verdict import require_policy
from sereno_diagnostics.compare import holds
from sereno_playbooks.action import ActionFailed
from sereno_proto.errors import CATALOGUE, Refused, SerenoError
from sereno_proto.plan import Plan
from sereno_proto.planned_step import PlannedStep, Require, require_text
from sereno_proto.v1 import runs_pb2
from sereno_proto.v1.runs_pb2 import Finding, RunState

Report = Callable[["RunState.ValueType", int, str, str, Iterable[Finding]], None]  # state, step, what, code, findings
_RETRY_S = 1.0
_GOING_DOWN_S = 60.0
_HANDS_OFF = frozenset({"E_LOCKDOWN"})  # the owner wants nothing more to happen, not even an undo


class Waiting(NamedTuple):
    """How the driver waits for a figure to change."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Run:
    """One execution of one plan. Every step reports before and after, so that a cut shows where it happened."""

    def __init__(
        self, device: Device, plan: Plan, report: Report, waiting: Waiting | None = None, *, rebooted: int = 0
    ) -> None:
        """rebooted: the step, from 1, whose reboot is behind us; steps before it are done."""
        self._device = device
        self._plan = plan
        self._report = report
        self._waiting = waiting or Waiting()
        self._rebooted = rebooted
        self._applied: list[tuple[int, PlannedStep, str]] = []
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ends the run before its next step, from any thread; what was done is undone where it can be."""
        self._cancelled.set()

    def carry_out(self) -> None:
        """Goes through the steps; the last report is SUCCEEDED or FAILED."""
        for number, step in enumerate(self._plan.steps, 1):
            if number < self._rebooted:
                continue
            try:
                self._step(number, step)
            except Exception as error:  # noqa: BLE001, a fault of ours fails the run and undoes it like any other
                failure = _as_failure(error)
                self._tell(runs_pb2.RUN_STATE_STEP_FAILED, number, failure.what, failure.code)
                on_failure = "undo" if failure.code == "E_CANCELLED" else step.on_failure
                if on_failure == "continue" and failure.code not in _HANDS_OFF:
                    continue
                if on_failure != "stop" and failure.code not in _HANDS_OFF:
                    self._undo()
                left = "; what was done before the reboot stays" if self._rebooted else ""
                self._tell(runs_pb2.RUN_STATE_FAILED, 0, f"step {number} failed: {failure.what}{left}", failure.code)
                return
        self._tell(runs_pb2.RUN_STATE_SUCCEEDED, 0, f"{len(self._plan.steps)} steps done")

    def _tell(self, state: "RunState.ValueType", number: int, what: str, code: str = "") -> None:
        """Reports what is over anyway: that it cannot be written down must not keep the rest from being undone."""
        try:
            self._report(state, number, what, code, ())
        except (OSError, SerenoError) as error:
            sys.stderr.write(f"a run's event ({what}) could not be written: {error}\n")

    def _step(self, number: int, step: PlannedStep) -> None:
        self._guard()
        if number == self._rebooted:
            self._came_back(number, step)
            return
        for condition in step.when:
            if not self._holds(condition)[0]:
                what = f"skipped, because {require_text(condition)} does not hold"
                self._report(runs_pb2.RUN_STATE_STEP_SKIPPED, number, what, "", ())
                return
        self._report(runs_pb2.RUN_STATE_STEP_STARTED, number, step.effect or step.name, "", ())
        findings: list[Finding] = []
        if step.check:
            findings += self._check(step.check, step.parameters)
            what = findings[0].title if findings else f"{step.check} found nothing"
        else:
            what = self._apply(number, step)
        for requirement in step.require:
            findings += self._require(requirement)
        self._report(runs_pb2.RUN_STATE_STEP_DONE, number, what, "", findings)

    def _came_back(self, number: int, step: PlannedStep) -> None:
        """The reboot's own step ends with what is required of the machine that came back."""
        findings: list[Finding] = []
        for requirement in step.require:
            findings += self._require(requirement)
        self._report(runs_pb2.RUN_STATE_STEP_DONE, number, "the machine was rebooted and is back", "", findings)

    def _guard(self) -> None:
        """Looks anew, before every step, at what the owner may have changed since the last one."""
        self._go_on()
        require_policy(self._device.policy(), self._plan)

    def _go_on(self) -> None:
        self._device.refuse_lockdown()
        if self._cancelled.is_set():
            raise Refused("E_CANCELLED")

    def _apply(self, number: int, step: PlannedStep) -> str:
        device = self._device
        if device.catalogue.action_code(step.action) != step.code:
            raise Refused("E_ACTION_CODE", f"the code of {step.action} is not the one that the plan names")
        try:
            outcome = device.workers.apply_action(step, policy_path=device.policy_path, state=device.folders.state)
        except ActionFailed as error:
            if step.action == REBOOT and error.code == "E_WORKER_FAILED":
                self._waiting.sleep(_GOING_DOWN_S)  # its worker was ended first; most likely this process is next
            self._applied.append((number, step, error.undo_data))
            raise
        self._applied.append((number, step, outcome.undo_data))
        return outcome.summary

    def _require(self, requirement: Require) -> list[Finding]:
        """Tries for as long as the plan says; raises E_REQUIRE_FAILED when the figure still is not as it must be."""
        deadline = self._waiting.monotonic() + requirement.within_s
        while True:
            self._go_on()
            held, findings, why = self._try(requirement)
            if held:
                return findings
            if self._waiting.monotonic() >= deadline:
                raise Refused("E_REQUIRE_FAILED", f"{require_text(requirement)} does not hold{why}")
            self._waiting.sleep(_RETRY_S)

    def _try(self, requirement: Require) -> tuple[bool, list[Finding], str]:
        try:
            held, findings = self._holds(requirement)
        except SerenoError as error:  # a check that fails has not shown the effect, yet
            return False, [], f": {error}"
        return held, findings, ""

    def _holds(self, requirement: Require) -> tuple[bool, list[Finding]]:
        findings = self._check(requirement.check, requirement.parameters)
        return holds(findings, requirement.figure, requirement.comparison, requirement.value), findings

    def _check(self, name: str, parameters: dict[str, str]) -> list[Finding]:
        device = self._device
        result = device.workers.run_check_sync(
            name, parameters, policy_path=device.policy_path, state=device.folders.state
        )
        return list(result.findings)

    def _undo(self) -> None:
        """Takes back what was done, the last first. One that cannot be taken back does not stop the others."""
        device = self._device
        for number, step, undo_data in reversed(self._applied):
            try:
                device.refuse_lockdown()
                outcome = device.workers.revert_action(
                    step, undo_data, policy_path=device.policy_path, state=device.folders.state
                )
            except Exception as error:  # noqa: BLE001, the others are still to be undone
                failure = _as_failure(error)
                what = f"could not be undone: {failure.what}"
                self._tell(runs_pb2.RUN_STATE_STEP_FAILED, number, what, failure.code)
            else:
                code = "" if outcome.complete else "E_UNDO"
                self._tell(runs_pb2.RUN_STATE_STEP_REVERTED, number, outcome.summary, code)


def _as_failure(error: Exception) -> SerenoError:
    if isinstance(error, SerenoError) and error.code in CATALOGUE:
        return error
    return SerenoError("E_INTERNAL", f"{type(error).__name__}: {error}")
