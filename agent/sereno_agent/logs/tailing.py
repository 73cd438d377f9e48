"""The logs' owner on the event loop: lets each source take its turn, spools what came, notes where it stands."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.logs.block import Block
from sereno_agent.logs.file_source import FileSource
from sereno_agent.logs.journal_source import JournalReader
from sereno_agent.logs.positions import Positions
from sereno_agent.logs.tally import Tally
from sereno_agent.policy import Policy
from sereno_agent.policy_logs import JOURNAL, JournalSource
from sereno_agent.redact import Redact, redactor
from sereno_agent.spool import Spool
from sereno_agent.threads import Threads
from sereno_proto.v1.link_pb2 import Up

BUSY_S: Final = 1.0  # between two turns while something is said
IDLE_S: Final = 2.0  # and when nothing was said for a while
IDLE_AFTER_S: Final = 20.0
BACKLOG_S: Final = 0.05  # between two turns while there is more to read
HANGS_S: Final = 20.0  # a turn that takes longer is told of, and the others go on without it

Notice = Callable[[str, str], None]  # code, what


class Source(Protocol):
    """What takes turns: the files of one entry of the policy, or the journal."""

    name: str
    notices: list[str]
    more: bool

    def turn(self) -> Block:
        """Reads what is new."""
        ...

    def committed(self) -> None:
        """The last block is safe."""
        ...

    def close(self) -> None:
        """Lets go of what is open."""
        ...


class _Turns:
    """Turns of several sources in one thread: a thread for each would cost more than the turns."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        self._given_up = threading.Event()
        self.ended: list[Block | Exception] = []

    def work(self) -> None:
        for source in self._sources:
            try:
                result: Block | Exception = source.turn()
            except Exception as error:  # noqa: BLE001, one source that fails must not stop the others
                result = error
            if self._given_up.is_set():
                return
            self.ended.append(result)

    def abandoned(self) -> list[Block | Exception]:
        """What ended so far; from here on nothing is added."""
        self._given_up.set()
        return list(self.ended)


class Logs:
    """Runs until cancelled. Without log sources in the policy it does nothing but look at the policy."""

    def __init__(
        self,
        folders: Folders,
        policy: Callable[[], Policy],
        spool: Spool,
        notice: Notice,
        *,
        journal: tuple[str, ...] = ("journalctl",),
        hangs_s: float = HANGS_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._spool = spool
        self._notice = notice
        self._journal = journal
        self._hangs_s = hangs_s
        self._clock = clock
        self._path = folders.spool / "positions.json"
        self._positions: Positions | None = None
        self._seen: Policy | None = None
        self._sources: dict[str, tuple[Any, Source]] = {}
        self._hanging: set[str] = set()
        self._tallies: dict[str, Tally] = {}
        self._threads = Threads()
        self._said_at = clock()
        self.mean_ms = 0.0  # of a turn of all sources

    async def run(self) -> None:
        """Reads until cancelled."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(self._pause_s())
        finally:
            for _, source in self._sources.values():
                if source.name not in self._hanging:
                    source.close()

    def told(self) -> dict[str, dict[str, float]]:
        """Of each source that the policy names now, what it has said since the start."""
        nothing = Tally(self._clock)
        return {name: self._tallies.get(name, nothing).told() for name in self._sources}

    async def round(self) -> None:
        """One turn of every source that does not hang."""
        policy = self._policy()
        if policy is not self._seen:
            self._seen = policy
            self._take_over(policy)
        began = self._clock()
        left = [source for _, source in self._sources.values() if source.name not in self._hanging]
        while left and self._threads.available:
            left = await self._turns(left)
        self.mean_ms += 0.2 * ((self._clock() - began) * 1000 - self.mean_ms)

    async def _turns(self, sources: list[Source]) -> list[Source]:
        """A turn of each, one after the other in one thread; gives those that stand behind one that hangs."""
        turns = _Turns(sources)
        future = self._threads.run(turns.work)
        seen = -1
        while not future.done() and seen != len(turns.ended):
            seen = len(turns.ended)
            await asyncio.wait((future,), timeout=self._hangs_s)
        ended = turns.ended if future.done() else turns.abandoned()
        for source, result in zip(sources, ended, strict=False):
            self._end(source, result)
        if len(ended) == len(sources):
            return []
        hanging = sources[len(ended)]
        self._hanging.add(hanging.name)
        self._notice("E_LOGS", f"logs {hanging.name}: reading hangs")
        future.add_done_callback(lambda _: self._hanging.discard(hanging.name))
        return sources[len(ended) + 1 :]

    def _end(self, source: Source, result: Block | Exception) -> None:
        if isinstance(result, Block):
            self._keep(source, result)
        else:
            self._notice("E_LOGS", f"logs {source.name}: {type(result).__name__}: {result}"[:300])
        for what in source.notices:
            self._notice("E_LOGS", f"logs {source.name}: {what}"[:300])
        source.notices.clear()

    def _keep(self, source: Source, block: Block) -> None:
        """Spools the block with its position; where the disk takes nothing it is read again later."""
        assert self._positions is not None
        turn = self._positions.turn
        if not block.empty:
            turn += 1
            up = Up(logs=block.message(turn))
            if not self._spool.append(up, durable=True, in_memory=False):
                return
            self._said_at = self._clock()
        elif not block.places:
            return
        try:
            self._positions.kept(block, turn)
        except OSError as error:
            self._notice("E_LOGS", f"{self._path}: {error.strerror or error}")
        source.committed()
        self._tallies.setdefault(source.name, Tally(self._clock)).add(block)

    def _take_over(self, policy: Policy) -> None:
        """Makes the sources be those of the policy; those that are the same go on."""
        wanted = _wanted(policy)
        for name in list(self._sources):
            if wanted.get(name) != self._sources[name][0]:
                _, source = self._sources.pop(name)
                if name not in self._hanging:
                    source.close()
        if not wanted and self._positions is None:
            return
        positions = self._positions = self._positions or Positions(self._path, self._spool.recent_logs())
        redact = redactor(policy.redact)
        for name, settings in wanted.items():
            if name in self._sources:
                continue
            known = positions.of(name)
            made: Source
            if name == JOURNAL:
                made = self._system_journal(settings[0], known, redact)
            else:
                made = FileSource(settings[0], known, redact)
            self._sources[name] = (settings, made)
            if known is None:
                positions.kept(Block(name), positions.turn)  # from now on what comes new is read from its beginning
        if not policy.error:
            positions.forget(wanted)

    def _system_journal(self, settings: JournalSource, known: dict[str, Any] | None, redact: Redact) -> Source:
        if sys.platform == "win32":
            from sereno_agent.logs.event_log import EventLog  # noqa: PLC0415, on this platform only
            from sereno_agent.logs.polled import PolledReader  # noqa: PLC0415

            return PolledReader(settings, known, redact, EventLog(settings, Host().ask))
        if sys.platform == "darwin":
            from sereno_agent.logs.polled import PolledReader  # noqa: PLC0415
            from sereno_agent.logs.unified_log import UnifiedLog  # noqa: PLC0415

            return PolledReader(settings, known, redact, UnifiedLog(settings, Host().ask))
        return JournalReader(settings, known, redact, command=self._journal)

    def _pause_s(self) -> float:
        if any(source.more for _, source in self._sources.values()) and not self._spool.full:
            return BACKLOG_S
        return BUSY_S if self._clock() - self._said_at < IDLE_AFTER_S else IDLE_S


def _wanted(policy: Policy) -> dict[str, Any]:
    """The sources' settings by name; another redaction makes another source."""
    if "logs" in policy.collectors_denied:
        return {}
    wanted: dict[str, Any] = {name: (source, policy.redact) for name, source in policy.logs.items()}
    if policy.journal is not None and JOURNAL not in policy.collectors_denied:
        wanted[JOURNAL] = (policy.journal, policy.redact)
    return wanted
