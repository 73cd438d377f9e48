"""Plans are held within a limit, used once, and never under a name of the server's own."""

import threading

import pytest
from tests.agent.executor.house import code_of

from sereno_agent.executor.clock_floor import ClockFloor
from sereno_agent.executor.plan_store import PlanStore
from sereno_proto.errors import SerenoError
from sereno_proto.limits import CLOCK_BACK_MS_MAX, PLANS_HELD_MAX
from sereno_proto.v1.runs_pb2 import DropPlan


def test_only_the_newest_plans_are_held(tmp_path):
    store = PlanStore(tmp_path)
    for number in range(PLANS_HELD_MAX + 3):
        store.hold(f"pln_{number:04}", b"text")
    assert store.find("pln_0002") is None
    assert store.find("pln_0003") == (b"text", False)


def test_of_many_at_once_one_uses_the_plan(tmp_path):
    store = PlanStore(tmp_path)
    store.hold("pln_1", b"text")
    ended = []

    def use():
        try:
            store.use("pln_1")
        except SerenoError as error:
            ended.append(error.code)
        else:
            ended.append("used")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["E_PLAN_REPLAYED"] * 7 + ["used"]
    assert store.find("pln_1") == (b"text", True)


@pytest.mark.parametrize("name", ["../joined", "pln_../x", "", "pln_" + "a" * 65, "pln_1\n", "pln_A"])
def test_a_name_that_is_no_plans_reaches_no_file(house, name):
    assert code_of(house.command(drop_plan=DropPlan(plan_id=name))) == "E_PLAN_UNKNOWN"


def test_a_dropped_plan_is_gone_and_a_used_one_stays_used(house):
    text = house.plan()
    plan_id = next(house.folders.plans.glob("*.plan")).stem
    assert house.command(drop_plan=DropPlan(plan_id=plan_id)).WhichOneof("body") == "accepted"
    assert code_of(house.execute_signed(text)) == "E_PLAN_UNKNOWN"
    text = house.plan()
    house.execute_signed(text)
    plan_id = next(house.folders.plans.glob("*.used")).stem
    house.command(drop_plan=DropPlan(plan_id=plan_id))
    assert code_of(house.execute_signed(text)) == "E_PLAN_REPLAYED"


def test_time_never_goes_back_not_even_over_a_restart(tmp_path):
    times = [1_000_000]
    clock = ClockFloor(tmp_path / "clock", lambda: times[0])
    first = clock.now()
    times[0] -= CLOCK_BACK_MS_MAX  # a small step back of a synchronised clock: time stands still
    assert clock.now() == first
    times[0] -= 1
    for again in (clock, ClockFloor(tmp_path / "clock", lambda: times[0])):
        with pytest.raises(SerenoError) as caught:
            again.now()
        assert caught.value.code == "E_CLOCK_BACK"


def test_a_damaged_record_of_time_is_not_guessed(tmp_path):
    (tmp_path / "clock").write_text("soon")
    with pytest.raises(SerenoError) as caught:
        ClockFloor(tmp_path / "clock", lambda: 1)
    assert caught.value.code == "E_STATE_LOST"
