"""The executor as the core starts it: a real process, real workers, real actions, real kill -9."""

import time

import pytest
from tests.agent.executor.house import code_of, require, step
from tests.agent.executor.real_process import PATIENCE_S, Process, execute, make

from sereno_agent import ledger
from sereno_proto.v1.runs_pb2 import EventsKept, MakePlan

pytestmark = pytest.mark.slow


@pytest.fixture
def started(house):
    processes = []

    def start():
        process = Process(house)
        processes.append(process)
        return process

    for path in house.folders.plans.iterdir():
        path.unlink()
    yield start
    for process in processes:
        if process.process.poll() is None:
            process.kill()


def never_enough():
    """A requirement that waits, so that there is a middle to kill in."""
    return require(">", 101, within_s=60)


ROTATE = step("rotate", "rotate_logs")
WATCH = step("watch", check="disk_space", parameters={"folder": "app-logs"})


def test_real_actions_run_and_what_was_kept_is_forgotten(house, started):
    process = started()
    text = make(process, WATCH, ROTATE)
    size = house.log.stat().st_size
    assert execute(house, process, text).WhichOneof("body") == "accepted"
    ended = process.event("SUCCEEDED")
    assert house.log.stat().st_size == 0 < size
    process.send(events_kept=EventsKept(plan_id=ended.plan_id, index=ended.index))
    assert code_of(execute(house, process, text)) == "E_PLAN_REPLAYED"
    assert process.close() == 0
    assert list(house.folders.runs.glob("*.journal")) == []
    assert ledger.verify(house.folders.ledger).length > 5


def test_killed_in_the_middle_it_is_reported_and_never_run_twice(house, started):
    process = started()
    text = make(process, step("rotate", "rotate_logs", require=[never_enough()]), WATCH)
    assert execute(house, process, text).WhichOneof("body") == "accepted"
    process.event("STEP_STARTED")
    while house.log.stat().st_size:
        time.sleep(0.01)
    process.kill()
    house.log.write_bytes(b"new lines\n")

    process = started()
    cut = process.event("FAILED")
    assert cut.code == "E_INTERRUPTED"
    assert "step 1" in cut.what
    assert code_of(execute(house, process, text)) == "E_PLAN_REPLAYED"
    assert house.log.read_bytes() == b"new lines\n"
    process.send(events_kept=EventsKept(plan_id=cut.plan_id, index=cut.index))
    assert process.close() == 0
    process = started()
    make(process, WATCH)
    assert not [up for up in process.received if up.WhichOneof("body") == "run_event"]
    assert process.close() == 0
    ledger.verify(house.folders.ledger)


def test_when_the_core_dies_the_run_goes_on_and_the_next_executor_waits_and_tells(house, started):
    process = started()
    needed = never_enough()
    needed.within_s = 3
    text = make(process, step("rotate", "rotate_logs", require=[needed]))
    assert execute(house, process, text).WhichOneof("body") == "accepted"
    process.event("STEP_STARTED")
    process.process.stdin.close()
    process.process.stdout.close()

    second = started()
    assert code_of(second.reply(make_plan=MakePlan())) == "E_OVERLOADED"
    ended = second.event("FAILED")
    assert ended.code == "E_REQUIRE_FAILED"
    assert second.event("STEP_REVERTED")
    assert process.process.wait(PATIENCE_S) == 0
    assert second.close() == 0


def test_a_folder_of_another_identity_answers_every_command_with_why(house, started):
    house.folders.identity_key.unlink()
    house.folders.identity_key.write_bytes((house.keys / "root").read_bytes())
    process = started()
    assert code_of(process.reply(make_plan=MakePlan())) == "E_STATE_LOST"
    assert process.close() == 2


def test_used_plans_without_their_clock_are_a_lost_record(house, started):
    process = started()
    make(process, WATCH)
    assert process.close() == 0
    (house.folders.plans / "clock").unlink()
    process = started()
    assert code_of(process.reply(make_plan=MakePlan())) == "E_STATE_LOST"
    assert process.close() == 2


@pytest.mark.parametrize("swap", ["another inode", "a link", "shrunk to nothing"])
def test_a_swapped_target_is_refused_before_anything_is_done(house, started, swap):
    process = started()
    text = make(process, ROTATE)
    content = house.log.read_bytes()
    if swap == "shrunk to nothing":
        house.log.write_bytes(b"")
    else:
        house.log.rename(house.log.with_suffix(".was"))
        if swap == "a link":
            house.log.symlink_to(house.log.with_suffix(".was"))
        else:
            house.log.write_bytes(content)
    code = code_of(execute(house, process, text))
    assert code in {"E_TARGET_DRIFTED", "E_OUTSIDE_POLICY"} or (swap.startswith("shrunk") and code == "")
    assert swap.startswith("shrunk") or house.log.read_bytes() == content
    assert process.close() == 0


def test_a_folder_that_the_policy_does_not_name_is_refused(house, started):
    process = started()
    for folder in ("/etc", "..", "other"):
        outside = step("rotate", "rotate_logs", parameters={"folder": folder})
        assert code_of(
            process.reply(make_plan=MakePlan(run_id="run_1", playbook="x", steps=[outside], requester="noa"))
        )
    assert process.close() == 0
