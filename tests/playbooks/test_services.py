"""Services, behind a service manager that is a fake: real systemd is never started by these tests."""

import json
from dataclasses import replace

import pytest

from sereno_diagnostics.allowed import WatchedService
from sereno_playbooks.programs import Programs, vector
from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import Subject

ALL = ("restart", "start", "stop", "enable", "disable", "mask", "unmask")


@pytest.fixture
def web(place):
    place.names["services"] = {"web": WatchedService("web", "nginx.service", ALL)}
    place.system.unit("nginx.service")
    return place


def subject_of(step):
    (subject,) = step.subjects
    return subject.before, subject.after


def test_a_running_service_is_restarted_once(web):
    unit = web.system.units["nginx.service"]
    step = web.plan("restart_service", service="web")
    assert subject_of(step) == (f"active/{unit['InvocationID'][:12]}", "active/new")
    assert web.system.ran == []
    outcome = web.apply(step)
    assert outcome.summary == "nginx.service is active, it was active"
    assert web.apply(step).undo_data == ""
    assert [command[3:] for command in web.system.ran] == [("restart", "--", "nginx.service")]
    assert web.revert(step, outcome.undo_data).complete
    assert len(web.system.ran) == 1


def test_a_failed_service_that_was_restarted_is_stopped_again_by_the_undo(web):
    web.system.units["nginx.service"] |= {"ActiveState": "failed", "InvocationID": "1" * 32}
    step = web.plan("restart_service", service="web")
    assert subject_of(step) == ("failed", "active/new")
    outcome = web.apply(step)
    assert web.revert(step, outcome.undo_data).complete
    assert web.system.units["nginx.service"]["ActiveState"] == "inactive"


def test_a_service_that_does_not_come_up_fails_the_step_and_can_be_undone(web):
    web.system.units["nginx.service"] |= {"Broken": "yes"}
    step = web.plan("restart_service", service="web")
    with pytest.raises(SerenoError, match="E_PROGRAM_FAILED: systemctl ended with 1: Job for"):
        web.apply(step)
    assert web.recorded[0]["unit"] == "nginx.service"
    assert web.revert(step, json.dumps(web.recorded)).complete


def test_a_service_that_ends_soon_after_its_start_is_no_success(web):
    step = web.plan("restart_service", service="web")
    unit = web.system.units["nginx.service"]

    def crash(_name):
        if web.waited:
            unit.update(ActiveState="activating", SubState="auto-restart")

    web.system.before_show = crash
    with pytest.raises(SerenoError, match=r"E_REQUIRE_FAILED: .* is activating afterwards"):
        web.apply(step)


def test_a_service_that_comes_up_anew_between_two_looks_is_no_success(web):
    step = web.plan("restart_service", service="web")
    unit = web.system.units["nginx.service"]
    web.system.before_show = lambda _name: web.waited and unit.update(InvocationID=f"{len(web.waited)}" * 32)
    with pytest.raises(SerenoError, match="E_REQUIRE_FAILED"):
        web.apply(step)


def test_what_flaps_while_it_is_looked_at_is_not_planned_on(web):
    unit = web.system.units["nginx.service"]
    unit["ActiveState"] = "activating"
    for action in ("restart_service", "start_service"):
        assert web.refusal(lambda action=action: web.plan(action, service="web")) == "E_UNSETTLED"
    assert subject_of(web.plan("stop_service", service="web")) == ("active", "inactive")
    states = iter(["active", "failed"] * 10)
    web.system.before_show = lambda _name: unit.update(ActiveState=next(states))
    assert web.refusal(lambda: web.plan("restart_service", service="web")) == "E_UNSETTLED"


@pytest.mark.parametrize("state", ["failed", "inactive"])
def test_a_service_in_another_state_than_planned_is_left_alone(web, state):
    step = web.plan("restart_service", service="web")
    web.system.units["nginx.service"].update(ActiveState=state)
    assert web.refusal(web.apply, step) == "E_TARGET_DRIFTED"
    assert web.system.ran == []


def test_the_policy_says_which_verbs_a_unit_takes(web):
    step = web.plan("restart_service", service="web")
    web.names["services"] = {"web": WatchedService("web", "nginx.service", ("start",))}
    assert web.refusal(lambda: web.plan("restart_service", service="web")) == "E_POLICY_FORBIDS"
    assert web.refusal(web.apply, step) == "E_POLICY_FORBIDS"
    assert web.refusal(lambda: web.plan("restart_service", service="ssh")) == "E_OUTSIDE_POLICY"
    web.names["services"] = {"web": WatchedService("web", "other.service", ALL)}
    web.system.unit("other.service")
    assert web.refusal(web.apply, step) == "E_OUTSIDE_POLICY"
    assert web.system.ran == []


@pytest.mark.parametrize("alias", ["sereno-agent.service", "sereno-executor@1.service"])
def test_serenos_own_units_are_never_touched_under_no_alias(web, alias):
    web.system.units["nginx.service"]["Id"] = alias
    for action in ("stop_service", "mask_service", "disable_service", "restart_service"):
        assert web.refusal(lambda action=action: web.plan(action, service="web")) == "E_PROTECTED_PATH"


@pytest.mark.parametrize(
    "unit", ["a.service\nsshd.service", "--now", "-H evil", "../a.service", "a.service b.service", "*", "", "a\0b"]
)
def test_no_unit_name_becomes_an_option_or_a_second_unit(web, unit):
    web.names["services"] = {"web": WatchedService("web", unit, ALL)}
    assert web.refusal(lambda: web.plan("restart_service", service="web")) == "E_PARAMETER"
    with pytest.raises(SerenoError, match="E_PARAMETER"):
        vector("service_restart", unit=unit)
    assert web.system.ran == web.system.asked == []


def test_a_plan_whose_subject_was_exchanged_is_refused(web):
    web.system.unit("sshd.service")
    step = web.plan("stop_service", service="web")
    other = replace(step, subjects=(Subject("service", "sshd.service", "active", "inactive"),))
    assert web.refusal(web.apply, other) == "E_OUTSIDE_POLICY"


def test_units_that_cannot_be_enabled_or_started_by_hand_are_refused(web):
    unit = web.system.units["nginx.service"]
    unit["UnitFileState"] = "static"
    assert web.refusal(lambda: web.plan("enable_service", service="web")) == "E_OUTSIDE_POLICY"
    unit["RefuseManualStart"] = "yes"
    assert web.refusal(lambda: web.plan("restart_service", service="web")) == "E_OUTSIDE_POLICY"
    web.system.units.clear()
    assert web.refusal(lambda: web.plan("start_service", service="web")) == "E_NOT_FOUND"


def test_without_systemd_nothing_is_planned(web):
    web.start = lambda command, timeout_s: None
    assert web.refusal(lambda: web.plan("restart_service", service="web")) == "E_PROGRAM_FAILED"


def test_a_dry_run_cannot_start_what_changes_something(web):
    programs = Programs(web.system, may_change=False)
    for call in (
        lambda: programs.change("service_stop", unit="nginx.service"),
        lambda: programs.ask("service_stop", unit="nginx.service"),
        lambda: programs.owners(["/bin/true"], 1),
    ):
        assert web.refusal(call) == "E_OUTSIDE_POLICY"
    assert web.system.ran == []


def test_steps_that_rest_on_one_another_are_planned_together_and_undone_in_reverse(web):
    """Keep a service off, then bring it back: every plan is made before its first step."""
    unit = web.system.units["nginx.service"]
    for actions, active, file in (
        (("stop_service", "disable_service", "mask_service"), "inactive", "masked"),
        (("unmask_service", "enable_service", "start_service"), "active", "enabled"),
    ):
        before = {key: unit[key] for key in ("ActiveState", "LoadState", "UnitFileState")}
        steps = [web.plan(action, service="web") for action in actions]
        done = [(step, web.apply(step).undo_data) for step in steps]
        assert (unit["ActiveState"], unit["UnitFileState"]) == (active, file)
        for step, undo in reversed(done):
            assert web.revert(step, undo).complete
        assert {key: unit[key] for key in before} == before
        for step in steps:
            web.apply(step)
        assert [web.plan(action, service="web").subjects for action in actions] == [()] * 3


def test_what_is_still_masked_is_neither_enabled_nor_started(web):
    web.apply(web.plan("stop_service", service="web"))
    web.apply(web.plan("mask_service", service="web"))
    for action in ("enable_service", "start_service"):
        step = web.plan(action, service="web")
        with pytest.raises(SerenoError, match=r"E_PROGRAM_FAILED: systemctl ended with 1: .*masked"):
            web.apply(step)
