"""kill -9 of the executor at random moments: a plan never runs twice, and every run that began is told to its end."""

import random
import time

import pytest
from tests.agent.executor.house import House, code_of, require, step
from tests.agent.executor.real_process import Process, execute, make, send_execute

from sereno_agent import ledger
from sereno_proto.v1 import runs_pb2

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]
ROUNDS = 20
ENDS = {runs_pb2.RUN_STATE_SUCCEEDED, runs_pb2.RUN_STATE_FAILED}
STEPS = (
    step("rotate", "rotate_logs"),
    step("watch", check="disk_space", require=[require(">=", 0)]),
)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_a_random_moment(tmp_path, keys, seed):
    house = House(tmp_path, keys)
    for path in house.folders.plans.iterdir():
        path.unlink()
    first = Process(house)
    text = make(first, *STEPS)
    send_execute(house, first, text)
    time.sleep(random.Random(seed).uniform(0, 1.5))
    first.kill()
    lines = len(list(tmp_path.glob("web-1.log.*")))
    house.log.write_bytes(b"written after the kill\n")

    second = Process(house)
    again = execute(house, second, text)
    if code_of(again):  # it had begun: it is told to its end, and never goes on
        told = [up.run_event for up in second.received if up.WhichOneof("body") == "run_event"]
        assert [event.index for event in told] == list(range(1, len(told) + 1))
        assert [event.state in ENDS for event in told] == [False] * (len(told) - 1) + [True]
        assert code_of(again) in {"E_PLAN_REPLAYED", "E_PLAN_UNKNOWN"}
        assert house.log.read_bytes() == b"written after the kill\n"
        assert len(list(tmp_path.glob("web-1.log.*"))) == lines
    else:  # it had not: the plan was as good as before, and is carried out now
        second.event("SUCCEEDED")
        assert house.log.read_bytes() == b""
        assert [row.verb for row in ledger.rows(house.folders.ledger)].count("run.started") == 1
    assert second.close() == 0
    ledger.verify(house.folders.ledger)
