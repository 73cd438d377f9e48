"""A full disk, a flood of commands, files that were tampered with: refused, and nothing is done."""

import errno
import os

from tests.agent.executor.house import code_of, step

from sereno_agent import ledger
from sereno_proto.limits import COMMANDS_AT_ONCE_MAX, COMMANDS_PER_MINUTE_MAX, RESERVE_BYTES
from sereno_proto.v1.runs_pb2 import DropPlan


def fails(workers, times):
    """The next dry runs find the disk full."""
    honest, left = workers.plan_action, [None] * times

    def plan_action(*arguments, **keywords):
        if left:
            left.pop()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return honest(*arguments, **keywords)

    workers.plan_action = plan_action


def test_a_full_disk_is_met_with_the_room_that_was_kept(house):
    reserve = house.folders.runs / "reserve"
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    fails(house.workers, 1)
    assert house.execute_signed(house.plan()).WhichOneof("body") == "accepted"
    assert reserve.exists()


def test_records_that_cannot_be_written_stop_the_run_and_undo_it(house):
    def full(step):
        if step.name == "b":
            house.folders.ledger.unlink()
            house.folders.ledger.mkdir()

    house.workers.on_apply = full
    house.execute_signed(house.plan(step("a", "rotate_logs"), step("b", "tidy"), step("c", "tidy")))
    assert house.workers.applied == ["a", "b"]
    assert house.workers.reverted == ["undo of b", "undo of a"]


def test_without_any_room_left_it_is_refused(house):
    fails(house.workers, 2)
    assert code_of(house.make_plan()) == "E_INTERNAL"
    assert house.make_plan().WhichOneof("body") == "plan_issued"


def test_a_flood_of_commands_does_not_fill_the_disk_with_rows(house):
    refused = 0
    for _ in range(COMMANDS_AT_ONCE_MAX + 50):
        refused += code_of(house.command(drop_plan=DropPlan(plan_id="none"))) == "E_OVERLOADED"
    assert refused == 50
    assert ledger.verify(house.folders.ledger).length == COMMANDS_AT_ONCE_MAX + 1
    house.now_ms += 1000
    assert house.make_plan().WhichOneof("body") == "plan_issued"


def test_a_flood_that_goes_on_costs_a_row_a_second_at_most(house):
    """An attacker who asks for ever writes into the device's ledger, but not faster than disks can bear."""
    for _ in range(COMMANDS_AT_ONCE_MAX):
        house.command(drop_plan=DropPlan(plan_id="none"))
    before = ledger.verify(house.folders.ledger).length
    for _ in range(600):
        house.now_ms += 100
        house.command(drop_plan=DropPlan(plan_id="none"))
    assert ledger.verify(house.folders.ledger).length - before <= COMMANDS_PER_MINUTE_MAX + 1


def test_a_ledger_whose_end_was_changed_takes_no_more_rows_and_no_plan(house):
    house.make_plan()
    house.folders.ledger.write_text('{"number": "many"}\n')
    assert code_of(house.make_plan()) == "E_LEDGER_BROKEN"


def test_a_plan_edited_on_the_disk_is_not_the_one_people_signed(house):
    text = house.plan()
    path = next(house.folders.plans.glob("*.plan"))
    path.write_bytes(text.replace(b"1000\n", b"9999\n"))
    assert code_of(house.execute_signed(text)) == "E_PLAN_CHANGED"
    assert house.workers.applied == []
