"""Builds the core from its parts and runs it: collect, spool, send, obey policy. Nothing else."""

import asyncio
import gc
import math
import signal
import sys
import time
from collections.abc import Mapping
from typing import Final

from sereno_agent import VERSION, agent_lock, collectors, config, present, standing, status, wants
from sereno_agent.batch import Batcher
from sereno_agent.clock_watch import ClockWatch
from sereno_agent.collectors import Collector
from sereno_agent.commands import Commands
from sereno_agent.executor_process import ExecutorProcess
from sereno_agent.file_events import FileEvents
from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.intervals import Intervals
from sereno_agent.inventory import Inventory
from sereno_agent.link import Link
from sereno_agent.notices import Notices
from sereno_agent.policy_watch import PolicyWatch
from sereno_agent.reading import Reading, Surroundings
from sereno_agent.schedule import Schedule
from sereno_agent.scheduler import Scheduler
from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_agent.witness import Witness
from sereno_proto.errors import BadInput
from sereno_proto.limits import CHANGES_PER_SET_MAX, DIFF_CHARS_MAX, MESSAGE_BYTES_MAX, PROTOCOL_VERSION
from sereno_proto.v1.link_pb2 import Change, ChangeSet, Checkpoint, Hello, Problem, Settings, Up
from sereno_proto.v1.link_pb2 import Inventory as Facts
from sereno_proto.v1.runs_pb2 import CheckResult, Command, RunEvent

HOUSE_S: Final = 3.0  # how often policy, lockdown and clock are looked at
_STATUS_FILE_TURNS: Final = 7
_STATUS_TURNS: Final = 20
_STATUS_WAIT_TURNS: Final = 10  # so long it waits for samples to go with
_FLUSH_S: Final = 0.95
_CHANGES_PER_MESSAGE: Final = min(CHANGES_PER_SET_MAX, MESSAGE_BYTES_MAX // (4 * DIFF_CHARS_MAX + 16_384))


class Agent:
    """The core process. `run()` ends on SIGTERM or SIGINT."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.joined = config.read_joined(folders.joined)
        settings = config.load(folders.config)
        if settings.policy is not None:
            folders.policy = settings.policy
        self.policy = PolicyWatch(folders.policy, wants=wants.load(folders.wants))
        self.spool = Spool(folders.spool, settings.spool_bytes_max)
        self.series = Series(folders.spool / "series")
        self.notices = Notices(lambda notice: self.spool.append(Up(notice=notice)))
        self.batcher = Batcher(self.series)
        self.intervals = Intervals(settings)
        surroundings = Surroundings(self.policy, folders, _now_ms, time.monotonic, waited_s=self._waited_s)
        self.scheduler = Scheduler(
            Schedule(self._collectors(surroundings), self.intervals.of, time.monotonic()),
            self._deliver,
            denied=lambda: self.policy().collectors_denied,
        )
        self.witness = Witness(folders.witness)
        self.reporter = status.Reporter(
            folders,
            self.policy,
            self.spool,
            self.scheduler.schedule,
            witness=self.witness,
            databases=tuple(settings.databases),
        )
        self.link = Link(self.joined.link_address, folders, self.spool, self.series, self)
        self.executor = ExecutorProcess(folders, self._post_reply, self._keep_event)
        self.commands = Commands(folders, self.executor, self.link.post, self._run_check)
        self.standing = standing.Watch(folders.grants, self._run_check, self.executor.send, _now_ms)
        self._flushed = -math.inf
        self._status_due = False
        self.file_events = FileEvents(self.scheduler.hurry)
        self.inventory = Inventory(folders.inventory, self._keep_inventory)
        self._offers: set[str] = set()  # ids of commands that offer a certificate
        self._logs_named = asyncio.Event()
        self._started_ms = _now_ms()
        self._clock_watch = ClockWatch(_now_ms, time.monotonic)

    async def run(self) -> None:
        """Runs until a signal asks it to stop; what was collected is in the spool then."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        parts = [
            asyncio.create_task(part)
            for part in (
                self.link.run(),
                self.scheduler.run(),
                self._keep_house(),
                self._read_logs(),
                self.standing.run(),
                self.executor.deliver_journals(),
            )
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            await _first_end([stopped, *parts[:5]])
        finally:
            for task in (stopped, *parts):
                task.cancel()
            ended = await asyncio.gather(*parts, return_exceptions=True)
            self.file_events.close()
            await self.commands.close()
            await self.executor.close()
            self._flush()
            self.spool.save()
            self.spool.close()
            self.reporter.write(self.link)
        for result in ended:
            if isinstance(result, Exception):
                raise result

    # what the link asks of its host

    def hello(self) -> Hello:
        return Hello(
            protocol_version=PROTOCOL_VERSION,
            capabilities=["checks", "plans", "logs"],
            agent_version=VERSION,
            platform=status.platform(),
            name=self.joined.name,
            clock_ms=_now_ms(),
            boot_id=status.boot_id(),
            roster_version=status.roster_version(self.folders.roster_text),
            status=self.reporter.status(),
        )

    def settings(self, settings: Settings) -> None:
        wished = wants.read(settings)
        if self.policy.wish(wished):
            wants.save(self.folders.wants, wished)
            self.scheduler.intervals_changed()
        if self.intervals.wish(settings.collect_interval_ms, settings.collector_interval_ms):
            self.scheduler.intervals_changed()

    def inventory_known(self, digest: str) -> None:
        self.inventory.keep_only(self._running())
        self.inventory.welcomed(digest)

    def command(self, command: Command) -> None:
        if command.WhichOneof("body") == "offer_certificate":
            self._offers.add(command.id)
        self.commands.start(command)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        fault = self.witness.offer(checkpoint.text, checkpoint.from_size, checkpoint.consistency, _now_ms())
        if fault:
            log(f"E_LEDGER_FORKED: the server's ledger contradicts what this device witnessed: {fault}")
            self.notices.say("E_LEDGER_FORKED", fault)

    def problem(self, problem: Problem) -> None:
        log(f"the server refused message {problem.sequence}: {problem.code} {problem.what}")

    # what was collected

    def _deliver(self, step_ms: int, readings: list[tuple[str, Reading]]) -> None:
        samples = [sample for _, reading in readings for sample in reading.samples]
        for name in self.batcher.add(step_ms, samples):
            self.notices.say("E_NOT_FINITE", f"{name} was not finite")
        for name, reading in readings:
            self._send_changes(reading.changes)
            self._remember(name, reading)
            self.notices.say_all(reading.notices)
        if time.monotonic() - self._flushed >= _FLUSH_S or self.batcher.due:
            self._flush()

    def _remember(self, name: str, reading: Reading) -> None:
        try:
            for remember in reading.kept:
                remember()
            if reading.facts is not None:
                self.inventory.update(name, reading.facts)
        except OSError as error:
            self.notices.say("E_COLLECTOR", f"what {name} told cannot be kept: {error.strerror or error}")

    def _flush(self) -> None:
        self._flushed = time.monotonic()
        batch = self.batcher.take()
        if batch is not None:
            self.spool.append(Up(samples=batch))
            if self._status_due:
                self._send_status()  # in company: each message by itself wakes gRPC's threads some sixty times

    def _send_status(self) -> None:
        self._status_due = False
        self.link.post(Up(status=self.reporter.status()))

    def _keep_inventory(self, facts: Facts) -> None:
        self.spool.append(Up(inventory=facts), durable=True)

    def _send_changes(self, changes: list[Change]) -> None:
        if changes:
            present.attribute(changes, Host(), _now_ms(), self._started_ms)
        for start in range(0, len(changes), _CHANGES_PER_MESSAGE):
            part = changes[start : start + _CHANGES_PER_MESSAGE]
            self.spool.append(Up(changes=ChangeSet(changes=part)), durable=True)

    def _waited_s(self) -> float:
        return self.scheduler.take_waited_s()

    def _running(self) -> set[str]:
        names = {entry.collector.name for entry in self.scheduler.schedule.entries}
        return names - self.policy().collectors_denied

    async def _read_logs(self) -> None:
        await self._logs_named.wait()
        # Imported when the policy names a log: a core without logs does without it.
        from sereno_agent.logs.tailing import Logs  # noqa: PLC0415

        logs = Logs(self.folders, self.policy, self.spool, self.notices.say)
        self.reporter.logs = logs.told
        await logs.run()

    def _collectors(self, surroundings: Surroundings) -> list[Collector]:
        made = []
        for name, module_name in collectors.names().items():
            try:
                made.append(collectors.make(name, module_name, surroundings))
            except Exception as error:  # noqa: BLE001, one collector that cannot start must not stop the others
                self.notices.say("E_COLLECTOR", f"collector {name} cannot start: {error}"[:300])
        return made

    # commands

    async def _run_check(self, name: str, parameters: Mapping[str, str]) -> CheckResult:
        # Imported when the first check is asked for: an idle core does without it.
        from sereno_agent import workers  # noqa: PLC0415

        return await workers.run_check(name, parameters, policy_path=self.folders.policy, state=self.folders.state)

    def _post_reply(self, up: Up) -> None:
        refused = standing.own_refusal(up.reply)
        if refused is not None:
            if refused:
                log(f"{up.reply.command_id.removeprefix(standing.OWN)}: {refused}")
            return
        self.link.post(up)
        if up.reply.command_id in self._offers:
            self._offers.discard(up.reply.command_id)
            if up.reply.HasField("accepted"):
                asyncio.get_running_loop().call_later(1.0, self.link.reconnect)  # the reply goes first

    async def _keep_event(self, event: RunEvent) -> bool:
        try:
            sequence = self.spool.append(Up(run_event=event), durable=True)
        except BadInput as error:
            log(f"a run event of {event.plan_id} cannot be sent: {error.line()}")
            return True  # it would be no smaller the next time
        return sequence > 0 and not self.spool.full

    # the house

    async def _keep_house(self) -> None:
        turn = 0
        before: tuple[bool, int] | None = None
        while True:
            changed = self.policy.refresh()
            if self.policy().logs or self.policy().journal:
                self._logs_named.set()
            now = (self.folders.lockdown.exists(), self.link.connected_since_ms)
            changed |= now != before
            before = now
            self.file_events.follow(self.policy())
            if jumped := self._clock_watch.jumped():
                self.notices.say(*jumped)
            if self.spool.full:
                self.notices.say("E_SPOOL_FULL", self.spool.full)
            if turn % _STATUS_TURNS == 0:
                self._status_due = True  # goes with the next samples
                self.spool.save()
            if changed or (self._status_due and turn % _STATUS_TURNS >= _STATUS_WAIT_TURNS):
                self._send_status()
            if turn % _STATUS_FILE_TURNS == 0 or changed:
                self.reporter.write(self.link)
            turn += 1
            await asyncio.sleep(HOUSE_S)


async def _first_end(tasks: "list[asyncio.Task[object]]") -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def log(line: str) -> None:
    """One line for the system's journal."""
    sys.stderr.write(f"sereno-agent: {line}\n")
    sys.stderr.flush()


def run(folders: Folders) -> None:
    """Runs the core. Raises BadInput with E_NOT_JOINED, E_CONFIG or E_AGENT_RUNNING."""
    config.read_joined(folders.joined)
    with agent_lock.held(folders):
        folders.make()
        asyncio.run(_main(folders))


async def _main(folders: Folders) -> None:
    agent = Agent(folders)
    # What is there now stays: the collector of cycles need not walk over it again and again. It was off while all of it
    # was made (see cli.py), which is a tenth of the start.
    gc.freeze()
    gc.enable()
    await agent.run()
