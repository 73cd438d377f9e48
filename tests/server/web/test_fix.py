"""A run in words."""

from datetime import UTC, datetime

import pytest

from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep
from sereno_server.reads.rows import FindingRow, RunEventRow
from sereno_server.web.fix import proof, told, undo_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _event(state: str, step: int, what: str) -> RunEventRow:
    return RunEventRow(at=NOW, step=step, state=state, what=what, code="", ledger_digest="")


def _finding(number: int, title: str) -> FindingRow:
    return FindingRow(f"fnd_{number}", "dev_1", None, "run_1", "disk_space", "fine", title, "", (), {}, None, NOW)


def test_a_step_that_ended_is_told_once() -> None:
    events = [_event("step_started", 1, "Packs"), _event("step_done", 1, "packed"), _event("step_started", 2, "Puts")]
    assert [event.what for event in told(events)] == ["packed", "Puts"]


def test_what_a_check_found_is_said_once_beside_what_the_steps_said() -> None:
    found = [_finding(1, "app-logs is 3 % full"), _finding(2, "swap is empty"), _finding(3, "swap is empty")]
    assert [one.title for one in proof([_event("step_done", 4, "app-logs is 3 % full")], found)] == ["swap is empty"]


@pytest.mark.parametrize(
    ("undos", "said"),
    [
        (["put back"], "yes"),
        (["put back", f"{CANNOT_BE_UNDONE}: it is gone"], "partly"),
        ([f"{CANNOT_BE_UNDONE}: it is gone"], "no"),
        ([""], "no"),
    ],
)
def test_a_plan_with_a_step_that_cannot_be_undone_never_promises_an_undo(undos: list[str], said: str) -> None:
    steps = [PlannedStep("pack", {}, action="rotate_logs", undo=undo) for undo in undos]
    assert undo_of([*steps, PlannedStep("look", {}, check="disk_space")]) == said
