"""A log of the system that is asked every few seconds: Windows' event log, the unified log of macOS."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, Protocol

from sereno_agent.logs.block import Block
from sereno_agent.logs.rate import Rate
from sereno_agent.policy_logs import JOURNAL, JournalSource
from sereno_agent.redact import Redact, continued
from sereno_proto.limits import LOG_BLOCK_LINES_MAX
from sereno_proto.v1.link_pb2 import LogLine

POLL_S: Final = 10.0

Places = dict[str, Any]


class Taken(NamedTuple):
    """What one question gave. places: where reading stands after it. more: there is more to ask for at once."""

    lines: Iterable[LogLine]
    places: Places
    more: bool = False
    lost: int = 0  # entries that could not be read


class Log(Protocol):
    """The seam: one kind of log."""

    def ask(self, places: Places, lines_max: int) -> Taken | str:
        """What came after the places; a text says why there is no answer. Without places it begins now."""
        ...


class PolledReader:
    """Takes turns as the other sources do. A block that is not committed is asked for again."""

    def __init__(
        self,
        source: JournalSource,
        known: Places | None,
        redact: Redact,
        log: Log,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = JOURNAL
        self.notices: list[str] = []
        self.more = False
        self._log = log
        self._redact = redact
        self._clock = clock
        self._places = dict(known or {})  # committed
        self._next = self._places
        self._key_lines = 0
        self._again_at = clock()
        self._rate = Rate(source.lines_per_minute, clock())

    def turn(self) -> Block:
        """Asks when it is time, or at once while there is more."""
        now = self._clock()
        self._rate.fill(now)
        block = Block(self.name)
        self._next = self._places
        if now < self._again_at and not self.more:
            return block
        self._again_at = now + POLL_S
        taken = self._log.ask(self._places, LOG_BLOCK_LINES_MAX)
        if isinstance(taken, str):
            self.more = False
            self.notices.append(taken)
            return block
        self.more = taken.more
        block.withheld = taken.lost
        for line in taken.lines:
            whole = line.text
            line.text, self._key_lines = continued(whole, self._redact, self._key_lines)
            if self._rate.lets(line.severity):
                block.lines.append(line)
                block.redacted += line.text != whole
            else:
                block.withheld += 1
        self._next = taken.places
        if self._next != self._places:
            block.places = dict(self._next)
        return block

    def committed(self) -> None:
        """The places are safe."""
        self._places = self._next

    def close(self) -> None:
        """Nothing is held open."""
