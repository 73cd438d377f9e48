"""Commands: each gets one answer, whatever happens; documents go to the executor, checks to a worker."""

import asyncio
import gc
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sereno_agent.commands import COMMANDS_MAX, Commands
from sereno_agent.executor_process import ExecutorProcess
from sereno_agent.folders import Folders
from sereno_proto.errors import Refused
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import CheckResult, Command, DropPlan, RunCheck, RunEvent

FAKE = (sys.executable, str(Path(__file__).parent / "fake_executor.py"))


class Posted:
    def __init__(self) -> None:
        self.ups: list[Up] = []
        self.changed = asyncio.Condition()

    def __call__(self, up: Up) -> None:
        self.ups.append(up)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.ups) < count:  # noqa: ASYNC110, post is no coroutine
                await asyncio.sleep(0.01)

    @property
    def codes(self) -> dict[str, str]:
        return {up.reply.command_id: up.reply.refusal.code for up in self.ups}


class Recording:
    def __init__(self) -> None:
        self.sent: list[Command] = []

    async def send(self, command: Command) -> None:
        self.sent.append(command)


def check(number: int, name: str = "disk_space") -> Command:
    return Command(id=f"cmd_{number}", run_check=RunCheck(check=name, parameters={"folder": "app-logs"}))


def test_checks_run_and_their_refusals_faults_and_lockdown_are_answered(tmp_path: Path) -> None:
    async def run_check(name, parameters):
        if name == "refused":
            raise Refused("E_OUTSIDE_POLICY", "no")
        if name == "broken":
            raise ZeroDivisionError
        assert parameters == {"folder": "app-logs"}
        return CheckResult(duration_ms=5)

    async def story() -> None:
        folders, posted = Folders(tmp_path), Posted()
        commands = Commands(folders, Recording(), posted, run_check)
        for number, name in enumerate(("disk_space", "refused", "broken")):
            commands.start(check(number, name))
        commands.start(Command(id="cmd_3"))
        await posted.until(4)
        folders.lockdown.touch()
        commands.start(check(4))
        await posted.until(5)
        assert posted.codes == {
            "cmd_0": "",
            "cmd_1": "E_OUTSIDE_POLICY",
            "cmd_2": "E_INTERNAL",
            "cmd_3": "E_COMMAND_UNKNOWN",
            "cmd_4": "E_LOCKDOWN",
        }

    asyncio.run(story())


def test_too_many_at_once_are_refused_and_closing_cancels_the_rest(tmp_path: Path) -> None:
    async def story() -> None:
        cancelled = []

        async def run_check(name, parameters):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(name)
                raise

        posted = Posted()
        commands = Commands(Folders(tmp_path), Recording(), posted, run_check)
        for number in range(COMMANDS_MAX + 1):
            commands.start(check(number))
        await asyncio.sleep(0)
        assert posted.codes == {f"cmd_{COMMANDS_MAX}": "E_OVERLOADED"}
        await commands.close()
        assert len(cancelled) == COMMANDS_MAX

    asyncio.run(story())


def test_documents_go_to_the_executor_also_in_lockdown(tmp_path: Path) -> None:
    async def story() -> None:
        folders, executor = Folders(tmp_path), Recording()
        folders.lockdown.touch()
        commands = Commands(folders, executor, Posted(), None)
        commands.start(Command(id="cmd_1", drop_plan=DropPlan(plan_id="pln")))
        await asyncio.sleep(0)
        assert [command.id for command in executor.sent] == ["cmd_1"]
        await commands.close()

    asyncio.run(story())


@asynccontextmanager
async def executing(tmp_path: Path, keep=None, **options):
    posted, kept = Posted(), []

    async def keep_all(event: RunEvent) -> bool:
        kept.append(event.index)
        return True

    folders = Folders(tmp_path)
    folders.make()
    executor = ExecutorProcess(folders, posted, keep or keep_all, argv=FAKE, **options)
    try:
        yield executor, posted, kept
    finally:
        await executor.close()
        if executor._child is not None:
            await executor._child.wait()


def wish(number: int, what: str) -> Command:
    return Command(id=f"cmd_{number}", drop_plan=DropPlan(plan_id=what))


@pytest.mark.slow
def test_replies_come_back_and_kept_events_are_confirmed(tmp_path: Path) -> None:
    async def story() -> None:
        async with executing(tmp_path) as (executor, posted, kept):
            await executor.send(wish(1, "run"))
            await executor.send(wish(2, "x"))
            await posted.until(3)
            assert {up.reply.command_id for up in posted.ups} == {"cmd_1", "cmd_2", "both-kept"}
            assert kept == [1, 2]

    asyncio.run(story())


@pytest.mark.slow
def test_an_event_that_could_not_be_kept_is_not_confirmed(tmp_path: Path) -> None:
    async def keep_none(event: RunEvent) -> bool:
        return False

    async def story() -> None:
        async with executing(tmp_path, keep=keep_none) as (executor, posted, _):
            await executor.send(wish(1, "run"))
            await executor.send(wish(2, "x"))
            await posted.until(2)
            assert {up.reply.command_id for up in posted.ups} == {"cmd_1", "cmd_2"}

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["die", "babble"])
def test_an_executor_that_dies_or_babbles_is_answered_for_and_started_again(tmp_path: Path, how: str) -> None:
    async def story() -> None:
        async with executing(tmp_path) as (executor, posted, _):
            await executor.send(wish(1, how))
            await posted.until(1)
            assert posted.codes == {"cmd_1": "E_WORKER_FAILED"}
            await executor.send(wish(2, "x"))
            await posted.until(2)
            assert posted.codes["cmd_2"] == ""

    asyncio.run(story())


@pytest.mark.slow
def test_an_idle_executor_ends_and_the_next_command_starts_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with executing(tmp_path, idle_s=0.05) as (executor, posted, _):
            await executor.send(wish(1, "x"))
            await posted.until(1)
            first = executor._child
            async with asyncio.timeout(20):
                await first.wait()
            await executor.send(wish(2, "x"))
            await posted.until(2)
            assert executor._child.pid != first.pid

    asyncio.run(story())


def test_an_executor_that_cannot_be_started_is_answered_for(tmp_path: Path) -> None:
    async def story() -> None:
        posted = Posted()

        async def keep(event: RunEvent) -> bool:
            return True

        executor = ExecutorProcess(Folders(tmp_path), posted, keep, argv=("/nonexistent/executor",))
        await executor.send(wish(1, "x"))
        assert posted.codes == {"cmd_1": "E_WORKER_FAILED"}

    asyncio.run(story())


@pytest.mark.slow
def test_an_executor_with_a_run_under_way_outlives_the_core(tmp_path: Path) -> None:
    """The core ends, its loop with it; the run goes on to its end."""
    done = tmp_path / "run-done"

    async def story() -> int:
        async def keep(event: RunEvent) -> bool:
            started.set()
            return True

        started = asyncio.Event()
        folders = Folders(tmp_path)
        folders.make()
        executor = ExecutorProcess(folders, Posted(), keep, argv=FAKE)
        await executor.send(wish(1, f"slow {done}"))
        async with asyncio.timeout(20):
            await started.wait()
        await executor.close()
        return executor._child.pid

    asyncio.run(story())
    gc.collect()
    deadline = time.monotonic() + 20
    while not done.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
