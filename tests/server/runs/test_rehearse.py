"""Golden runs: each playbook that comes with Sereno does what was recorded; the rehearsal does what the device does."""

from pathlib import Path

import pytest

from sereno_agent.executor.run import Run, Waiting
from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.planned_step import PlannedStep, Require
from sereno_proto.v1.runs_pb2 import CheckResult, Finding, RunState
from sereno_server.runs import rehearse
from sereno_server.runs.playbooks import LIBRARY, compile_playbook, playbook_files, shipped_library

FILES = dict(map(reversed, playbook_files(LIBRARY)))
CASES = [(name, case) for name, path in FILES.items() for case in rehearse.read_golden(rehearse.golden_path(path))]


@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda value: getattr(value, "case", value))
def test_a_playbook_does_what_was_recorded(name, case):
    """When this fails: `sereno playbook test --record`, and review the difference."""
    assert rehearse.rehearse(compile_playbook(name, case.parameters), case) == case.lines


@pytest.mark.parametrize("name", sorted(shipped_library().playbooks))
def test_every_playbook_looks_first_and_shows_its_effect(name):
    book, steps = shipped_library().get(name), shipped_library().steps_of(name)
    assert book.title
    assert book.diagnose
    actions = [step for step in steps if step.kind == "action"]
    if actions:
        assert any(step.when for step in actions) or name == "disk.free_space"  # whose plan has the demo's own story
        assert steps[-1].require, "nothing shows that it helped"
        assert any("undone" in line for one, case in CASES if one == name for line in case.lines)


def test_there_are_at_least_twenty():
    assert len(shipped_library().playbooks) >= 20


@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda value: getattr(value, "case", value))
def test_the_rehearsal_goes_as_the_device_goes(name, case, tmp_path):
    steps = compile_playbook(name, case.parameters)
    assert _as_the_device(steps, case) == [line for line in case.lines if not line.startswith("failed at")] + (
        ["failed"] if case.lines[-1].startswith("failed") else []
    )


class _Device:
    """What a run needs of a device: workers that read what was recorded."""

    def __init__(self, case):
        self.left = {check: list(readings) for check, readings in case.figures.items()}
        self.fails = case.fails
        self.workers = self.catalogue = self
        self.policy_path = Path()
        self.folders = type("Folders", (), {"state": Path()})

    def refuse_lockdown(self):
        pass

    def policy(self):
        return type("Policy", (), {"digest": sha256(b""), "actions": frozenset(self.allowed)})

    def action_code(self, name):
        return ""

    def run_check_sync(self, name, parameters, **where):
        readings = self.left.get(name, [{}])
        figures = readings.pop(0) if len(readings) > 1 else readings[0]
        return CheckResult(findings=[Finding(check=name, title="read", figures=figures)])

    def apply_action(self, step, **where):
        if step.action in self.fails:
            raise Refused(self.fails[step.action])
        return type("Outcome", (), {"summary": "", "undo_data": ""})

    def revert_action(self, step, undo_data, **where):
        return type("Outcome", (), {"summary": "", "complete": True})


def _as_the_device(steps, case):
    device = _Device(case)
    device.allowed = [step.action for step in steps if step.action]
    plan = type("Plan", (), {"steps": [_planned(step) for step in steps], "policy_digest": sha256(b"")})
    lines, slept = [], []
    words = {
        number: f"{one.name}: {rehearse.as_rows(steps)[number - 1]['does']}" for number, one in enumerate(steps, 1)
    }

    def report(state, number, what, code, findings):
        kind = RunState.Name(state).removeprefix("RUN_STATE_").lower()
        lines.append(
            {
                "step_skipped": f"{number} skipped: {what.removeprefix('skipped, because ')}",
                "step_started": f"{number} begun: {words.get(number)}",
                "step_done": f"{number} done",
                "step_failed": f"{number} failed: {code}" + (f" {what}" if code == "E_REQUIRE_FAILED" else ""),
                "step_reverted": f"{number} undone",
            }.get(kind, kind)
        )

    Run(device, plan, report, Waiting(lambda: sum(slept), slept.append)).carry_out()
    return lines


def _planned(step):
    def conditions(items):
        return tuple(
            Require(
                one.check, dict(sorted(one.parameters.items())), one.figure, one.comparison, one.value, one.within_s
            )
            for one in items
        )

    return PlannedStep(
        name=step.name,
        parameters=dict(step.parameters),
        action=step.action,
        check=step.check,
        on_failure=step.on_failure,
        require=conditions(step.require),
        when=conditions(step.when),
    )
