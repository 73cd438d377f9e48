"""A reboot that a plan asks for cuts its own run off; what goes on afterwards only looks, and nothing is done twice."""

import pytest
from tests.agent.executor.house import code_of, failed, require, step

from sereno_proto.v1 import runs_pb2

# The thread of a run that is cut off ends without a word, as it would with its process.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
REBOOT = step("reboot", "reboot_machine", parameters={})


class PowerCut(SystemExit):
    """The end of the process in the middle of a step: a thread that raises it ends without a word."""


@pytest.fixture
def rebooting(house):
    house.catalogue.risks["reboot_machine"] = "medium"
    house.write_policy("rotate_logs", "reboot_machine")
    return house


def cut_off(house, *steps):
    """Carries the plan out until its worker is cut off by the reboot; what the executor knew in memory is gone."""

    def cut(applied):
        if applied.name == "reboot":
            raise PowerCut

    house.workers.on_apply = cut
    house.execute_signed(house.plan(*steps))
    house.workers.on_apply = lambda step: None
    house.sent.clear()


def states(house):
    names = (runs_pb2.RunState.Name(event.state).removeprefix("RUN_STATE_") for event in house.events)
    return [(name, event.step, event.code) for name, event in zip(names, house.events, strict=True)]


def test_a_run_ends_well_once_the_machine_is_back(rebooting):
    cut_off(rebooting, step("rotate", "rotate_logs"), REBOOT, step("look", check="disk_space"))
    rebooting.boot = "boot-2"
    rebooting.start().wait()
    assert states(rebooting)[-4:] == [
        ("STEP_DONE", 2, ""),
        ("STEP_STARTED", 3, ""),
        ("STEP_DONE", 3, ""),
        ("SUCCEEDED", 0, ""),
    ]
    assert rebooting.events[-4].what == "the machine was rebooted and is back"
    assert rebooting.workers.applied == ["rotate"]
    rebooting.sent.clear()
    rebooting.boot = "boot-3"
    rebooting.start().wait()
    assert states(rebooting)[-1] == ("SUCCEEDED", 0, "")


def test_a_machine_that_is_still_in_the_same_boot_did_not_come_back(rebooting):
    cut_off(rebooting, REBOOT)
    rebooting.start().wait()
    assert states(rebooting)[-1] == ("FAILED", 0, "E_INTERRUPTED")


def test_what_is_required_of_the_machine_that_came_back_is_looked_at(rebooting):
    rebooting.workers.free_percent = [5.0]
    cut_off(rebooting, step("reboot", "reboot_machine", parameters={}, require=[require(">=", 20)]))
    rebooting.boot = "boot-2"
    rebooting.start().wait()
    assert states(rebooting)[-2:] == [("STEP_FAILED", 1, "E_REQUIRE_FAILED"), ("FAILED", 0, "E_REQUIRE_FAILED")]
    assert rebooting.events[-1].what.endswith("what was done before the reboot stays")
    assert rebooting.workers.reverted == []


def test_a_cut_at_another_step_stays_a_cut_whatever_boot_it_is(rebooting):
    def cut(applied):
        raise PowerCut

    rebooting.workers.on_apply = cut
    rebooting.execute_signed(rebooting.plan(step("rotate", "rotate_logs"), REBOOT))
    rebooting.boot = "boot-2"
    rebooting.start().wait()
    assert states(rebooting)[-1] == ("FAILED", 0, "E_INTERRUPTED")


def test_the_owner_may_have_locked_the_machine_down_meanwhile(rebooting):
    cut_off(rebooting, REBOOT, step("look", check="disk_space"))
    rebooting.boot = "boot-2"
    rebooting.folders.lockdown.touch()
    rebooting.start().wait()
    assert states(rebooting)[-1] == ("FAILED", 0, "E_LOCKDOWN")


def test_no_action_may_follow_a_reboot_in_a_plan(rebooting):
    assert code_of(rebooting.make_plan(REBOOT, step("rotate", "rotate_logs"))) == "E_PARAMETER"
    assert code_of(rebooting.make_plan(REBOOT, REBOOT)) == "E_PARAMETER"


def test_a_worker_that_is_ended_first_is_no_failure_until_it_is_clear_that_the_machine_stays(rebooting):
    rebooting.workers.failing["reboot"] = failed("E_WORKER_FAILED")
    rebooting.execute_signed(rebooting.plan(REBOOT))
    assert rebooting.slept == [60.0]
    assert states(rebooting)[-1] == ("FAILED", 0, "E_WORKER_FAILED")
