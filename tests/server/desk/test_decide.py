"""What the desk does next: the same facts, the same step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sereno_proto.v1.runs_pb2 import RunCheck
from sereno_server.desk.decide import (
    GONE_HOLD_S,
    PROPOSALS_MAX,
    VERIFY_S,
    DoCheck,
    GiveUp,
    Propose,
    RankCauses,
    Resolve,
    decide,
    may_propose,
)
from sereno_server.desk.facts import AlertFact, Facts, RunFact
from sereno_server.desk.suggest import Suggestion, suggest

NOW = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)
CHECKS = (RunCheck(check="disk_space"), RunCheck(check="largest_files"))
FIX = Suggestion("disk.free_space", {"folder": "app-logs"}, CHECKS)
DONE = frozenset({"1:causes", "1:check:disk_space:", "1:check:largest_files:"})
FIRES = AlertFact("alr_1", "exhaustion", "folder", "app-logs", "firing", "fct_1", NOW, None)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def run(state: str, requester: str = "server", **fields: Any) -> RunFact:
    given = {"id": "run_1", "playbook": "disk.free_space", "code": None, "created_at": ago(60), "finished_at": None}
    return RunFact(**{**given, "state": state, "requester": requester, **fields})


def facts(**fields: Any) -> Facts:
    given = {
        "organisation_id": "org_a",
        "ticket_id": "tkt_1",
        "device_id": "dev_1",
        "fingerprint": "exhaustion:dev_1:folder:app-logs",
        "state": "open",
        "stage": "predicted",
        "round": 1,
        "now": NOW,
        "alerts": (FIRES,),
    }
    return Facts(**{**given, **fields})


def gone(seconds: float) -> AlertFact:
    return replace(FIRES, state="resolved", resolved_at=ago(seconds))


def test_a_fresh_ticket_goes_from_causes_over_checks_to_a_proposal() -> None:
    assert isinstance(decide(facts(), FIX).step, RankCauses)
    first = decide(facts(marks=frozenset({"1:causes"})), FIX).step
    assert first == DoCheck("1:check:disk_space:", CHECKS[0])
    second = decide(facts(marks=frozenset({"1:causes", "1:check:disk_space:"})), FIX).step
    assert second == DoCheck("1:check:largest_files:", CHECKS[1])
    done = decide(facts(marks=DONE), FIX)
    assert (done.stage, done.step) == ("checked", Propose(FIX))


def test_a_reopened_ticket_is_worked_anew() -> None:
    assert isinstance(decide(facts(marks=DONE, round=2), FIX).step, RankCauses)


def test_without_a_playbook_that_fits_nothing_is_proposed() -> None:
    decision = decide(facts(marks=frozenset({"1:causes"})), None)
    assert (decision.stage, decision.step) == ("checked", None)


def test_where_no_playbook_fits_it_is_looked_at_and_nothing_is_proposed() -> None:
    short = facts(alerts=(replace(FIRES, resource="memory", object=""),))
    looks = suggest(short)
    checks = ["memory_pressure", "leak_suspects", "oom_history", "container_memory", "recent_changes"]
    assert [check.check for check in looks.diagnose] == checks
    assert decide(replace(short, marks=frozenset({"1:causes"})), looks).step == DoCheck(
        "1:check:memory_pressure:", looks.diagnose[0]
    )
    given = {"leak_suspects": "seconds=10", "oom_history": "hours=24", "recent_changes": "hours=24"}
    marks = [f"{check}:{given.get(check, '')}" for check in checks]
    looked = replace(short, marks=frozenset({"1:causes", *(f"1:check:{mark}" for mark in marks)}))
    assert decide(looked, looks).step is None
    assert [check.check for check in suggest(facts(alerts=(replace(FIRES, resource="unheard_of"),))).diagnose] == [
        "recent_changes"
    ]
    assert suggest(facts(alerts=(replace(FIRES, kind="silent"),))) is None


def test_a_playbook_that_cannot_be_compiled_is_not_tried_again() -> None:
    assert decide(facts(marks=DONE | {"1:unproposable"}), FIX).step is None


@pytest.mark.parametrize(
    ("runs", "stage"),
    [
        ((run("planning"),), "checked"),
        ((run("planned"),), "proposed"),
        ((run("planned", signed=True),), "waiting"),
        ((run("planned", "noa"),), "waiting"),
        ((run("executing", "noa"),), "running"),
        ((run("succeeded", "noa", finished_at=ago(5)),), "verifying"),
    ],
)
def test_the_stage_is_the_furthest_that_the_runs_show(runs: tuple[RunFact, ...], stage: str) -> None:
    decision = decide(facts(marks=DONE, runs=runs), FIX)
    assert (decision.stage, decision.step) == (stage, None)


def test_a_fix_that_worked_resolves_as_soon_as_the_condition_is_gone() -> None:
    step = decide(facts(alerts=(gone(0),), runs=(run("succeeded", "noa"),), marks=DONE), FIX).step
    assert isinstance(step, Resolve)
    assert "carried out" in step.resolution


def test_nothing_is_resolved_while_a_run_is_under_way() -> None:
    assert decide(facts(alerts=(gone(999),), runs=(run("executing"),), marks=DONE), FIX).step is None


def test_nothing_is_resolved_while_one_alert_fires() -> None:
    both = (gone(999), FIRES)
    assert not isinstance(decide(facts(alerts=both, runs=(run("succeeded"),), marks=DONE), FIX).step, Resolve)


def test_what_goes_away_by_itself_must_stay_away() -> None:
    assert decide(facts(alerts=(gone(GONE_HOLD_S - 1),), marks=DONE), FIX).step is None
    assert isinstance(decide(facts(alerts=(gone(GONE_HOLD_S),), marks=DONE), FIX).step, Resolve)


def test_a_failed_run_does_not_count_as_the_cure() -> None:
    step = decide(facts(alerts=(gone(999),), runs=(run("failed"),), marks=DONE), FIX).step
    assert isinstance(step, Resolve)
    assert "by itself" in step.resolution


def test_a_fix_that_does_not_show_is_handed_to_a_person_once() -> None:
    late = (run("succeeded", "noa", finished_at=ago(VERIFY_S)),)
    assert decide(facts(runs=late, marks=DONE), FIX).step == GiveUp("run_1")
    after = decide(facts(runs=late, marks=DONE | {"1:unverified:run_1"}), FIX)
    assert (after.stage, after.step) == ("checked", None)


def test_a_resolved_ticket_is_left_alone() -> None:
    assert decide(facts(state="resolved", stage="resolved"), FIX).step is None


@pytest.mark.parametrize(
    ("runs", "may"),
    [
        ((), True),
        ((run("planning"),), False),
        ((run("planned", "noa"),), False),
        ((run("expired"),), True),
        ((run("superseded"), run("expired", "noa")), True),
        ((run("denied"),), False),
        ((run("failed"),), False),
        ((run("refused", code="E_TARGET_DRIFTED"),), True),
        ((run("refused", code="E_TARGET_DRIFTED"),) * 3, False),
        ((run("refused", code="E_LOCKDOWN"),), False),
        ((run("refused", code="E_POLICY_FORBIDS"),), False),
        ((run("expired"),) * PROPOSALS_MAX, False),
    ],
)
def test_the_desk_does_not_insist(runs: tuple[RunFact, ...], may: bool) -> None:
    assert may_propose(runs) is may
