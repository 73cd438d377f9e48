"""Playbooks that mend, with the real actions on stateful fakes and the device's own driver, on findings as recorded.

library.json says of each which recorded cases of its checks (tests/diagnostics/CHECK/CASE.json) are the trouble, which
show that it is over, and, where the trouble's own figures would pass, which show that it did not help. What the checks
find turns with the last action, or with the one that `turns_after` names.
Every action is planned on a place of its own, where it has something to do (tests/playbooks/test_every_action.py).
"""

import json
from pathlib import Path

import pytest
from tests.playbooks.conftest import Place
from tests.playbooks.test_every_action import CASES

from sereno_agent.executor.run import Run, Waiting
from sereno_playbooks import registry
from sereno_proto.ids import sha256
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Require
from sereno_proto.v1.runs_pb2 import CheckResult, Finding, RunState, Step
from sereno_server.runs import rehearse
from sereno_server.runs.playbooks import shipped_library

pytestmark = pytest.mark.slow  # some actions end real processes
LIBRARY = shipped_library()
MENDING = sorted(name for name in LIBRARY.playbooks if LIBRARY.mends(name))
DATA = json.loads((Path(__file__).parent / "library.json").read_text())
DIAGNOSTICS = Path(__file__).parents[2] / "diagnostics"


class Device:
    """A device of one playbook: its checks read what was recorded, its actions are real, each on a place of its own."""

    policy_path = Path()

    def __init__(self, name, tmp_path, request):
        self.tmp_path = tmp_path
        self.said = DATA[name]
        self.places, self.cases, self.steps = {}, {}, []
        self.trouble, self.over = True, "after"  # what the checks say while it lasts, and once all is done
        self.left = 0
        for number, step in enumerate(compiled(name), 1):
            self.steps.append(self.plan(number, step, request))
        self.workers = self.catalogue = self
        self.folders = type("Folders", (), {"state": tmp_path})
        self.before = self.state()

    def plan(self, number, step, request) -> PlannedStep:
        given = dict(step.parameters)
        if step.action:
            place = self.places[number] = Place(self.tmp_path / str(number))
            case = self.cases[number] = CASES[step.action](place, request)
            given = {key: case.parameters.get(key, value) for key, value in given.items()}
            site = place.site_for(may_change=False)
            self.left += 1
        else:
            return PlannedStep(step.name, given, check=step.check, on_failure=step.on_failure, **conditions(step))
        bare = Step(name=step.name, action=step.action, parameters=given, on_failure=step.on_failure)
        planned = registry.plan(bare, site)
        return PlannedStep(**{**vars(planned), **conditions(step)})

    def state(self):
        return {number: case.state() for number, case in self.cases.items()}

    def refuse_lockdown(self):
        pass

    def policy(self):
        return type("Policy", (), {"digest": sha256(b""), "actions": frozenset(registry.names())})

    def action_code(self, name):
        return registry.action_code(name)

    def apply_action(self, step, **where):
        number = self.steps.index(step) + 1
        self.left -= 1
        self.trouble = self.left > 0 and number != self.said.get("turns_after")
        return registry.apply(step, self.places[number].site)

    def revert_action(self, step, undo_data, **where):
        self.trouble = True
        return registry.revert(step, undo_data, self.places[self.steps.index(step) + 1].site)

    def run_check_sync(self, name, parameters, **where):
        return recorded(name, self.said, "before" if self.trouble else self.over)


def compiled(name):
    cases = rehearse.cases_of(LIBRARY, LIBRARY.get(name))
    return LIBRARY.compile(name, cases[0].parameters)


def conditions(step):
    """What a compiled step asks, as a plan has it."""

    def of(items):
        fields = ("check", "figure", "comparison", "value", "within_s")
        return tuple(
            Require(parameters=dict(one.parameters), **{key: getattr(one, key) for key in fields}) for one in items
        )

    return {"when": of(step.when), "require": of(step.require)}


def recorded(check, said, when):
    """What a check finds on the machine that was recorded; figures where no case was."""
    known = said.get(when, {}).get(check, said["before"][check])
    if isinstance(known, dict):
        return CheckResult(findings=[Finding(check=check, title="written", figures=known)])
    case = json.loads((DIAGNOSTICS / check / f"{known}.json").read_text())
    found = [Finding(check=check, title=one["title"], figures=one["figures"]) for one in case["findings"]]
    return CheckResult(findings=found)


def course(device):
    """Carries the plan out; gives `skipped 1`, `done 2`, `reverted 2`, and at last how it ended."""
    told, slept = [], []

    def report(state, number, what, code, findings):
        kind = RunState.Name(state).removeprefix("RUN_STATE_").lower().removeprefix("step_")
        if kind != "started":
            told.append(f"{kind} {number}".removesuffix(" 0") + (f" {code}" if code else ""))

    plan = type("Plan", (), {"steps": device.steps, "policy_digest": sha256(b"")})
    Run(device, plan, report, Waiting(lambda: sum(slept), slept.append)).carry_out()
    return told


@pytest.fixture
def device(request, tmp_path):
    return Device(request.param, tmp_path, request)


every = pytest.mark.parametrize("device", MENDING, indirect=True)


def test_the_data_are_of_every_playbook_that_mends():
    assert sorted(DATA) == MENDING


@every
def test_it_helps(device):
    assert all(step.targets or step.subjects for step in device.steps if step.action)
    assert course(device) == [*(f"done {number}" for number in range(1, len(device.steps) + 1)), "succeeded"]


@every
def test_it_does_not_help_and_what_can_be_undone_is(device):
    device.over = "unhelped" if "unhelped" in device.said else "before"
    told = course(device)
    assert told[-1] == "failed E_REQUIRE_FAILED"
    reverted = [int(line.split()[1]) for line in told if line.startswith("reverted")]
    done = [number for number, step in enumerate(device.steps, 1) if step.action and number <= failed(told)]
    assert reverted == done[::-1]
    for number in reverted:
        case, undo = device.cases[number], registry.get(device.steps[number - 1].action).UNDO
        if case.undone and not undo.startswith(CANNOT_BE_UNDONE):
            assert case.state() == device.before[number]


@every
def test_where_it_is_not_needed_nothing_is_changed(device):
    if "unguarded" in device.said:
        pytest.skip(device.said["unguarded"])
    device.trouble = False
    device.over = "not_needed" if "not_needed" in device.said else "after"
    told = course(device)
    actions = [number for number, step in enumerate(device.steps, 1) if step.action]
    assert [line for line in told if line.startswith("skipped")] == [f"skipped {number}" for number in actions]
    assert device.state() == device.before


def failed(told):
    return next(int(line.split()[1]) for line in told if line.startswith("failed ") and line.split()[1].isdigit())
