"""The core's own child process class with the real executor: replies arrive, events are kept, journals go away."""

import asyncio
import os

import pytest
from tests.agent.executor.house import step

from sereno_agent.executor_process import ExecutorProcess
from sereno_proto.v1.runs_pb2 import RUN_STATE_SUCCEEDED, Command, ExecutePlan, MakePlan

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """The tests run from the source tree, so the child needs its import path."""
    import sys

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))


def test_a_plan_goes_through_the_core_and_its_events_are_forgotten_once_kept(house):
    for left in house.folders.plans.iterdir():
        left.unlink()
    posted, kept = asyncio.Queue(), asyncio.Queue()

    async def keep(event):
        kept.put_nowait(event)
        return True

    async def story():
        executor = ExecutorProcess(house.folders, posted.put_nowait, keep, idle_s=0.3)
        steps = [step("rotate", "rotate_logs")]
        wanted = MakePlan(run_id="run_1", playbook="disk.free_space", steps=steps, requester="noa")
        await executor.send(Command(id="cmd_1", make_plan=wanted))
        text = (await posted.get()).reply.plan_issued.plan_text
        signatures = [house.request(text), house.approve(text)]
        await executor.send(Command(id="cmd_2", execute_plan=ExecutePlan(plan_text=text, signatures=signatures)))
        reply = (await posted.get()).reply
        assert (reply.command_id, reply.WhichOneof("body")) == ("cmd_2", "accepted")
        while (await kept.get()).state != RUN_STATE_SUCCEEDED:
            pass
        assert await executor.wait() == 0  # idle, so the core closed its input
        await executor.close()

    async def bounded():
        async with asyncio.timeout(60):
            await story()

    asyncio.run(bounded())
    assert list(house.folders.runs.glob("*.journal")) == []
    assert house.log.stat().st_size == 0
