"""A plan that honest people signed: carried out once, shown step by step, undone when it fails."""

import threading

import pytest
from tests.agent.executor.house import code_of, failed, require, step

from sereno_agent import ledger
from sereno_proto.plan import read_plan
from sereno_proto.v1 import runs_pb2
from sereno_proto.v1.runs_pb2 import Command, ExecutePlan, RunState


def states(house):
    return [(RunState.Name(event.state).removeprefix("RUN_STATE_"), event.step) for event in house.events]


def test_a_signed_plan_is_carried_out_and_every_event_is_in_the_ledger(house):
    text = house.plan()
    assert house.execute_signed(text).WhichOneof("body") == "accepted"
    assert house.workers.applied == ["rotate"]
    assert states(house) == [("STARTED", 0), ("STEP_STARTED", 1), ("STEP_DONE", 1), ("SUCCEEDED", 0)]
    assert [event.index for event in house.events] == [1, 2, 3, 4]
    rows = list(ledger.rows(house.folders.ledger))
    assert [row.verb for row in rows] == [
        *("plan.issued", "run.approved", "run.started", "run.step_started", "run.step_done", "run.succeeded")
    ]
    assert rows[1].detail["approvers"] == "ana"
    assert [event.ledger_digest for event in house.events] == [row.digest for row in rows[2:]]


def test_the_plan_is_in_the_devices_own_words(house):
    plan = read_plan(house.plan())
    assert plan.device_id == house.id
    assert plan.requester == "noa"
    assert plan.risk == plan.steps[0].risk == "medium"  # the worker said low
    assert plan.steps[0].code == house.catalogue.action_code("rotate_logs")
    assert plan.roster_version_min == 3
    assert b"filling" not in house.plan()  # the server's reason is no part of what is signed


def test_what_the_server_proposes_needs_an_approver_and_no_request(house):
    text = house.plan(requester="server")
    assert house.execute(text, house.approve(text)).WhichOneof("body") == "accepted"


def test_low_risk_may_be_approved_by_who_asks(house):
    text = house.plan(step("tidy", "tidy"))
    reply = house.execute(text, house.request(text), house.approve(text, "noa-0-approve"))
    assert reply.WhichOneof("body") == "accepted"


def test_a_step_whose_condition_does_not_hold_is_skipped(house):
    text = house.plan(step("a", "rotate_logs", when=[require("<", 20)]), step("b", "tidy", when=[require(">", 20)]))
    house.execute_signed(text)
    assert house.workers.applied == ["b"]
    assert ("STEP_SKIPPED", 1) in states(house)


def test_a_requirement_is_tried_until_its_time_is_over(house):
    house.workers.free_percent = [5, 5, 50]
    house.execute_signed(house.plan(step("a", "rotate_logs", require=[require(">=", 20, within_s=10)])))
    assert states(house)[-1] == ("SUCCEEDED", 0)
    assert house.slept == [1.0, 1.0]


def test_an_effect_that_does_not_show_undoes_everything_in_reverse(house):
    house.workers.free_percent = [5]
    house.execute_signed(
        house.plan(step("a", "rotate_logs"), step("b", "tidy", require=[require(">=", 20, within_s=3)]))
    )
    assert house.workers.reverted == ["undo of b", "undo of a"]
    assert states(house)[-3:] == [("STEP_REVERTED", 2), ("STEP_REVERTED", 1), ("FAILED", 0)]
    assert house.events[-1].code == "E_REQUIRE_FAILED"
    assert sum(house.slept) == 3


def test_an_action_that_stops_half_way_is_undone_from_where_it_was(house):
    house.workers.failing["b"] = failed("E_TARGET_DRIFTED", "half of b")
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy"), step("c", "tidy")))
    assert house.workers.applied == ["a"]
    assert house.workers.reverted == ["half of b", "undo of a"]
    assert house.events[-1].code == "E_TARGET_DRIFTED"


def test_one_undo_that_fails_does_not_stop_the_others(house):
    house.workers.failing |= {"c": failed("E_BOUND"), "undo b": failed("E_WORKER_FAILED")}
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy"), step("c", "tidy")))
    assert house.workers.reverted == ["", "undo of a"]
    assert states(house)[-1] == ("FAILED", 0)


@pytest.mark.parametrize(
    ("on_failure", "applied", "last"), [("stop", ["a"], "FAILED"), ("continue", ["a", "c"], "SUCCEEDED")]
)
def test_a_step_says_what_its_failure_means(house, on_failure, applied, last):
    house.workers.failing["b"] = failed("E_BOUND")
    house.execute_signed(
        house.plan(step("a", "rotate_logs"), step("b", "tidy", on_failure=on_failure), step("c", "tidy"))
    )
    assert house.workers.applied == applied
    assert house.workers.reverted == []
    assert states(house)[-1][0] == last


def test_a_fault_of_our_own_fails_the_run_and_undoes_it(house):
    house.workers.on_apply = lambda step: 1 / 0 if step.name == "b" else None
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy")))
    assert house.workers.reverted == ["undo of a"]
    assert house.events[-1].code == "E_INTERNAL"


def test_lockdown_in_the_middle_takes_hands_off_at_once(house):
    house.workers.on_apply = lambda step: house.folders.lockdown.touch()
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy", on_failure="continue")))
    assert house.workers.applied == ["a"]
    assert house.workers.reverted == []
    assert house.events[-1].code == "E_LOCKDOWN"


def test_a_policy_changed_in_the_middle_stops_the_run(house):
    house.workers.on_apply = lambda step: house.write_policy("rotate_logs")
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy")))
    assert house.workers.applied == ["a"]
    assert house.workers.reverted == ["undo of a"]
    assert house.events[-1].code == "E_POLICY_CHANGED"


def test_one_run_at_a_time_and_the_other_plan_stays_good(house):
    first, second = house.plan(), house.plan()
    go_on = threading.Event()
    house.workers.on_apply = lambda step: go_on.wait(10)
    signed = ExecutePlan(plan_text=first, signatures=[house.request(first), house.approve(first)])
    house.executor.handle(Command(id="cmd_0", execute_plan=signed))
    other = ExecutePlan(plan_text=second, signatures=[house.request(second), house.approve(second)])
    house.executor.handle(Command(id="cmd_1", execute_plan=other))
    assert house.sent[-1].reply.refusal.code == "E_OVERLOADED"  # which servers try again
    go_on.set()
    house.executor.wait()
    assert house.execute_signed(second).WhichOneof("body") == "accepted"
    assert house.workers.applied == ["rotate", "rotate"]


def test_events_are_sent_again_until_they_are_kept(house):
    house.execute_signed(house.plan())
    first = house.events
    house.sent.clear()
    house.start()
    assert house.events == first
    house.keep(first[2])
    house.sent.clear()
    house.start()
    assert house.events == first
    house.keep(first[-1])
    house.sent.clear()
    house.start()
    assert house.events == []
    assert list(house.folders.runs.glob("*.journal")) == []


def test_a_run_that_was_cut_off_is_reported_and_never_goes_on(house):
    text = house.plan(step("a", "rotate_logs"), step("b", "tidy"))
    house.execute_signed(text)
    (path,) = house.folders.runs.glob("*.journal")
    journal = path.read_bytes()
    path.write_bytes(journal[: journal.index(b"b done") - 20])  # as a power cut in the middle of step 2 leaves it
    house.sent.clear()
    house.workers.applied.clear()
    house.start()
    assert house.events[-1].state == runs_pb2.RUN_STATE_FAILED
    assert house.events[-1].code == "E_INTERRUPTED"
    assert "step 2" in house.events[-1].what
    assert house.workers.applied == []
    assert code_of(house.execute_signed(text)) == "E_PLAN_REPLAYED"
    house.sent.clear()
    house.start()
    assert [event.code for event in house.events].count("E_INTERRUPTED") == 1


def test_a_run_cut_off_before_its_plan_was_used_never_begins(house):
    text = house.plan()
    held = next(house.folders.plans.glob("*.plan"))
    house.execute_signed(text)
    (path,) = house.folders.runs.glob("*.journal")
    first = path.read_bytes()
    path.write_bytes(first[: 1 + first[0]] if first[0] < 128 else first[: 2 + (first[0] & 127 | first[1] << 7)])
    held.with_suffix(".used").rename(held)
    house.workers.applied.clear()
    house.start()
    assert house.events[-1].code == "E_INTERRUPTED"
    assert code_of(house.execute_signed(text)) == "E_PLAN_UNKNOWN"
    assert house.workers.applied == []
