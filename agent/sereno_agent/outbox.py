"""What goes up next on the stream: passing messages first, then the spool in order, within a window."""

import asyncio
from collections import deque
from typing import Final

from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_proto.v1.link_pb2 import Up

PASSING_MAX: Final = 256
WINDOW_BYTES_MAX: Final = 4 << 20  # sent and not yet acknowledged
WINDOW_MESSAGES_MAX: Final = 512


class Outbox:
    """Feeds the one writer of a connection. Begins anew with each connection."""

    def __init__(self, spool: Spool, series: Series) -> None:
        self._spool = spool
        self._series = series
        self._reader = spool.read(spool.acknowledged)
        self._passing: deque[Up] = deque(maxlen=PASSING_MAX)
        self._flying: deque[tuple[int, int]] = deque()  # sequence, bytes
        self._flying_bytes = 0
        self._named = 0  # ids up to here were announced
        self._wake = asyncio.Event()

    def post(self, up: Up) -> None:
        """Adds a passing message, which dies with the connection."""
        self._passing.append(up)
        self._wake.set()

    def wake(self) -> None:
        """Says that the spool has more."""
        self._wake.set()

    def acknowledged(self, sequence: int) -> None:
        """Opens the window again."""
        while self._flying and self._flying[0][0] <= sequence:
            self._flying_bytes -= self._flying.popleft()[1]
        self._wake.set()

    async def next(self) -> bytes:
        """The next message's bytes, as soon as there is one that may go."""
        while True:
            self._wake.clear()
            if self._passing:
                return self._passing.popleft().SerializeToString()
            if self._named < self._series.last:
                self._name()
                continue
            if self._flying_bytes < WINDOW_BYTES_MAX and len(self._flying) < WINDOW_MESSAGES_MAX:
                record = self._reader.next()
                if record is not None:
                    self._flying.append((record[0], len(record[1])))
                    self._flying_bytes += len(record[1])
                    return record[1]
            await self._wake.wait()

    def close(self) -> None:
        """Lets go of the spool's files."""
        self._reader.close()

    def _name(self) -> None:
        # Ids rise, so a batch read from now on uses none above the last.
        last = self._series.last
        new = [series_id for series_id in self._series.names if series_id > self._named]
        self._passing.extend(Up(names=names) for names in self._series.messages(new))
        self._named = last
