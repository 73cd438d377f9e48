"""Simulated agents, several a process: the real link, spool and executor; only their workers are not.

    python -m tests.end_to_end.queue_agents WITNESS STATE...

What the devices did is in the witness: one line for each application of an action, on disk before it counts as done.
"""

import asyncio
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sereno_agent import VERSION, config, status
from sereno_agent.executor.device import Device
from sereno_agent.executor.executor import Executor
from sereno_agent.folders import Folders
from sereno_agent.link import Link
from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_playbooks import registry
from sereno_playbooks.action import Outcome
from sereno_proto.limits import PLAN_VALID_S, PROTOCOL_VERSION
from sereno_proto.planned_step import PlannedStep, Require
from sereno_proto.sshsig import FileSigner
from sereno_proto.v1.link_pb2 import Checkpoint, Hello, Problem, Settings, Up
from sereno_proto.v1.runs_pb2 import CheckResult, Command, EventsKept, Finding, Requirement, Step

SPOOL_BYTES_MAX = 8 << 20
WORK_S = 0.05


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Workers:
    """Applying is one line in the witness, in the middle of some time in which a kill may come."""

    def __init__(self, witness: int, device: str) -> None:
        self._witness = witness
        self._device = device

    def plan_action(self, step: Step, *, policy_path: Path, state: Path) -> PlannedStep:
        return PlannedStep(
            name=step.name,
            parameters=dict(step.parameters),
            action=step.action,
            check=step.check,
            on_failure=step.on_failure or "undo",
            require=tuple(map(_require, step.require)),
            when=tuple(map(_require, step.when)),
            effect="Writes a line.",
            undo="nothing takes a line back",
        )

    def verify_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> None:
        pass

    def apply_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> Outcome:
        time.sleep(random.uniform(0, WORK_S))
        os.write(self._witness, f"{self._device} {step.parameters['folder']} {step.action}\n".encode())
        os.fsync(self._witness)
        time.sleep(random.uniform(0, WORK_S))
        return Outcome("a line was written")

    def revert_action(self, step: PlannedStep, undo_data: str, *, policy_path: Path, state: Path) -> Outcome:
        return Outcome("it stays", complete=False)

    def run_check_sync(self, name: str, parameters: dict[str, str], *, policy_path: Path, state: Path) -> CheckResult:
        return CheckResult(findings=[Finding(check=name, title="42 % used", figures={"used_percent": 42.0})])


def _require(asked: Requirement) -> Require:
    return Require(asked.check, dict(asked.parameters), asked.figure, asked.comparison, asked.value, asked.within_s)


class Agent:
    """The core of one agent without its collectors, and its executor in threads."""

    def __init__(self, state: Path, witness: int) -> None:
        self.folders = folders = Folders(state)
        joined = config.read_joined(folders.joined)
        self._name = joined.name
        self._loop = asyncio.get_running_loop()
        self._spool = Spool(folders.spool, SPOOL_BYTES_MAX)
        self._link = Link(joined.link_address, folders, self._spool, Series(folders.spool / "series"), self)
        device = Device(
            id=joined.device_id,
            name=joined.name,
            organisation_id=joined.organisation_id,
            signer=FileSigner(folders.identity_key),
            folders=folders,
            policy_path=folders.policy,
            plan_valid_s=PLAN_VALID_S,
            workers=Workers(witness, joined.device_id),
            catalogue=registry,
        )
        self._executor = Executor(device, now_ms, lambda up: self._loop.call_soon_threadsafe(self._take, up))
        self._one_by_one = ThreadPoolExecutor(1)

    async def run(self) -> None:
        self._one_by_one.submit(self._executor.start)
        await self._link.run()

    def _take(self, up: Up) -> None:
        """As the core does: replies pass, events lie in the spool before the executor may forget them."""
        if up.WhichOneof("body") == "reply":
            self._link.post(up)
        elif self._spool.append(Up(run_event=up.run_event), durable=True) and not self._spool.full:
            kept = EventsKept(plan_id=up.run_event.plan_id, index=up.run_event.index)
            self.command(Command(id="kept", events_kept=kept))

    # what the link asks of its host

    def hello(self) -> Hello:
        return Hello(
            protocol_version=PROTOCOL_VERSION,
            agent_version=VERSION,
            platform="linux",
            name=self._name,
            clock_ms=now_ms(),
            boot_id=status.boot_id(),
            roster_version=1,
        )

    def command(self, command: Command) -> None:
        self._one_by_one.submit(self._executor.handle, command)

    def settings(self, settings: Settings) -> None:
        pass

    def inventory_known(self, digest: str) -> None:
        pass

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        pass

    def problem(self, problem: Problem) -> None:
        sys.stderr.write(f"{self._name}: refused: {problem.code} {problem.what}\n")


async def main(witness: Path, states: list[Path]) -> None:
    line_by_line = os.open(witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    agents = [Agent(state, line_by_line) for state in states]
    await asyncio.gather(*(agent.run() for agent in agents))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [Path(state) for state in sys.argv[2:]]))
