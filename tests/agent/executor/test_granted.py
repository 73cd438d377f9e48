"""Grants made in advance, used as people meant them: bounds at once, a standing grant when its trigger holds."""

import asyncio
import json

from tests.agent.executor.granting import attempt, bounds, offer, revoke, standing
from tests.agent.executor.house import code_of, step

from sereno_agent import ledger
from sereno_agent import standing as core
from sereno_proto.errors import Refused
from sereno_proto.plan import read_plan
from sereno_proto.v1.runs_pb2 import (
    RUN_STATE_FAILED,
    RUN_STATE_STARTED,
    RUN_STATE_SUCCEEDED,
    CancelRun,
    CheckResult,
    Command,
    ExecutePlan,
    Finding,
    Refusal,
    Reply,
)

HOUR_MS = 3_600_000


def verbs(house):
    return [row.verb for row in ledger.rows(house.folders.ledger)]


def test_bounds_are_carried_out_at_once_and_their_plan_is_told(house):
    assert code_of(offer(house, bounds(house))) == ""
    assert house.workers.applied == ["tidy"]
    first, last = house.events[0], house.events[-1]
    assert (first.state, last.state, first.run_id) == (RUN_STATE_STARTED, RUN_STATE_SUCCEEDED, "run_g")
    plan = read_plan(first.plan_text)
    assert (first.grant_id, plan.id, plan.run_id, plan.requester) == ("grt_1", first.plan_id, "run_g", "noa")
    assert not last.plan_text
    granted = next(row for row in ledger.rows(house.folders.ledger) if row.verb == "run.granted")
    assert (granted.detail["grant"], granted.detail["approvers"]) == ("grt_1", "ana")


def test_bounds_whose_dry_run_was_too_big_may_fit_later(house):
    target = house.workers.plan_action

    def three(step, **where):
        planned = target(step, **where)
        return planned.__class__(**{**planned.__dict__, "targets": planned.targets * 4})

    house.workers.plan_action = three
    assert code_of(offer(house, bounds(house))) == "E_BOUND"
    house.workers.plan_action = target
    assert code_of(offer(house, bounds(house))) == ""
    assert house.workers.applied == ["tidy"]


def test_a_standing_grant_waits_for_its_trigger_rests_and_runs_out(house):
    assert code_of(offer(house, standing(house))) == ""
    assert house.workers.applied == []
    house.workers.free_percent = [50.0]
    assert code_of(attempt(house)) == "E_GRANT_TRIGGER"
    house.workers.free_percent = [5.0]
    for used in (1, 2):
        assert code_of(attempt(house)) == ""
        assert len(house.workers.applied) == used
        assert code_of(attempt(house)) in {"E_GRANT_PAUSE", "E_GRANT_USED"}
        house.now_ms += HOUR_MS
        house.start()  # what was used is used after a restart too
    assert code_of(attempt(house)) == "E_GRANT_USED"
    assert verbs(house).count("run.granted") == 2


def test_a_revoked_grant_is_over_for_good(house):
    offer(house, standing(house))
    revoke(house)
    assert "grant.revoked" in verbs(house)
    assert core.read(house.folders.grants) == []


class Watched:
    """The core's side: one look at what the executor wrote down."""

    def __init__(self, house):
        self.house = house
        self.free_percent = 5.0
        self.sent = []
        self.watch = core.Watch(house.folders.grants, self.check, self.send, lambda: house.now_ms)

    async def check(self, name, parameters):
        assert (name, parameters) == ("disk_space", {"folder": "app-logs"})
        if self.free_percent is None:
            raise Refused("E_OVERLOADED")
        return CheckResult(findings=[Finding(figures={"free_percent": self.free_percent})])

    async def send(self, command):
        self.sent.append(command.try_grant.grant_id)
        self.house.executor.handle(command)
        self.house.executor.wait()

    def look(self):
        asyncio.run(self.watch.look())
        return len(self.sent)


def test_the_core_asks_when_the_trigger_holds_and_not_more_often_than_the_grant_allows(house):
    offer(house, standing(house))
    watched = Watched(house)
    for nothing in (50.0, None):
        watched.free_percent = nothing
        assert watched.look() == 0
    watched.free_percent, house.workers.free_percent = 5.0, [5.0]
    assert [watched.look(), watched.look()] == [1, 1]
    house.now_ms += HOUR_MS
    assert watched.look() == 2
    house.now_ms += HOUR_MS
    assert watched.look() == 2
    assert len(house.workers.applied) == 2
    assert [grant.uses_left for grant in core.reported(core.read(house.folders.grants))] == [0]


def test_a_core_that_asks_in_vain_lets_the_grant_rest(house):
    offer(house, standing(house))
    watched = Watched(house)  # the executor measures 50 % itself
    assert [watched.look(), watched.look()] == [1, 1]
    assert house.workers.applied == []


def test_replies_to_the_cores_own_commands_stay_there():
    refused = Reply(command_id="own_grt_1", refusal=Refusal(code="E_BOUND", what="too much"))
    assert core.own_refusal(refused) == "E_BOUND too much"
    assert core.own_refusal(Reply(command_id="own_grt_1")) == ""
    assert core.own_refusal(Reply(command_id="cmd_1", refusal=refused.refusal)) is None


def test_a_damaged_grant_is_passed_over_by_the_core_and_refused_by_the_executor(house):
    offer(house, standing(house))
    path = house.folders.grants / "grt_1.json"
    record = json.loads(path.read_bytes()) | {"used_ms": "never"}
    path.write_text(json.dumps(record))
    assert core.read(house.folders.grants) == []
    assert code_of(attempt(house)) == "E_STATE_LOST"
    assert house.workers.applied == []


def test_a_cancelled_run_ends_before_its_next_step_and_is_undone(house):
    text = house.plan(step("first", "tidy"), step("second", "rotate_logs"))
    replies = []

    def cancel(applying):
        if applying.name == "first":
            for run_id in ("run_other", "run_1"):
                house.executor.handle(Command(id=run_id, cancel_run=CancelRun(run_id=run_id)))
            replies.extend(up.reply for up in house.sent if up.reply.command_id.startswith("run_"))

    house.workers.on_apply = cancel
    house.executor.handle(
        Command(execute_plan=ExecutePlan(plan_text=text, signatures=[house.request(text), house.approve(text)]))
    )
    house.executor.wait()
    assert [code_of(reply) for reply in replies] == ["E_NOT_FOUND", ""]
    assert (house.workers.applied, house.workers.reverted) == (["first"], ["undo of first"])
    assert house.events[-1].code == "E_CANCELLED"


def test_a_use_that_was_cut_off_before_its_run_began_is_told_as_not_done(house):
    kept = house.folders.ledger.read_bytes() if house.folders.ledger.exists() else b""
    plan_action = house.workers.plan_action

    def cut(step, **where):
        house.folders.ledger.unlink(missing_ok=True)
        house.folders.ledger.mkdir()  # the use is counted, and then nothing can be written any more
        return plan_action(step, **where)

    house.workers.plan_action = cut
    assert code_of(offer(house, bounds(house))) == "E_INTERNAL"
    assert house.workers.applied == []
    house.folders.ledger.rmdir()
    house.folders.ledger.write_bytes(kept)
    house.sent.clear()
    house.start()
    assert [(event.state, event.code) for event in house.events] == [
        (RUN_STATE_STARTED, ""),
        (RUN_STATE_FAILED, "E_INTERRUPTED"),
    ]
    assert (house.events[0].grant_id, house.events[0].run_id) == ("grt_1", "run_g")
    assert read_plan(house.events[0].plan_text).id == house.events[1].plan_id
    assert "nothing was done" in house.events[1].what
    assert code_of(offer(house, bounds(house))) == "E_GRANT_USED"
    house.sent.clear()
    house.start()
    assert len(house.events) == 2  # told again until it is kept, and never a third
