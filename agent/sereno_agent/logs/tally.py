"""What each source has said since the agent started: for `sereno-agent status`."""

from collections.abc import Callable
from typing import Final

from sereno_agent.logs.block import Block

RATE_OVER_S: Final = 60.0


class Tally:
    """Counts of one source. The rate is that of the last whole minute, and of the first one while it lasts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._in_minute = 0
        self._rate = 0.0
        self._first = True
        self.lines = self.withheld = self.redacted = 0

    def add(self, block: Block) -> None:
        """Counts a block that is safe."""
        self._turn()
        self.lines += len(block.lines)
        self.withheld += block.withheld
        self.redacted += block.redacted
        self._in_minute += len(block.lines)

    def told(self) -> dict[str, float]:
        """The counts, and lines a second."""
        self._turn()
        passed_s = self._clock() - self._since
        rate = self._in_minute / passed_s if self._first and passed_s >= 1 else self._rate
        return {
            "lines": self.lines,
            "withheld": self.withheld,
            "redacted": self.redacted,
            "lines_per_s": round(rate, 2),
        }

    def _turn(self) -> None:
        passed_s = self._clock() - self._since
        if passed_s >= RATE_OVER_S:
            self._rate = self._in_minute / passed_s
            self._since, self._in_minute, self._first = self._clock(), 0, False
