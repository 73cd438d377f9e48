"""Two weeks without a server: what was spooled goes up in order, once, within the window, at the server's pace."""

import asyncio
import itertools
import tracemalloc
from collections import deque
from pathlib import Path

import pytest

from sereno_agent.outbox import WINDOW_BYTES_MAX, WINDOW_MESSAGES_MAX, Outbox
from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_proto.limits import MESSAGE_BYTES_MAX
from sereno_proto.v1.link_pb2 import LogBlock, LogLine, Notice, SampleBatch, SampleMatrix, Status, Up

STEP_S = 15
TWO_WEEKS_S = 14 * 86_400
QUICK_SERIES, SLOW_SERIES = 130, 60  # about what an idle machine has, at each step and once a minute
MEMORY_BYTES_MAX = 24 << 20


def matrix(series: int, at_s: int) -> Up:
    made = SampleMatrix(series=range(1, series + 1), time_ms=[at_s * 1000], values=b"\0" * 8 * series)
    return Up(samples=SampleBatch(matrices=[made]), made_ms=at_s * 1000 + 1)


def fill(spool: Spool, seconds: int) -> list[int]:
    """What an idle agent with a chatty log spools in so long; gives the sequences."""
    sequences = []
    line = LogLine(text="GET /health 200 " + "x" * 100)
    for at_s in range(0, seconds, STEP_S):
        sequences.append(spool.append(matrix(QUICK_SERIES, at_s)))
        if at_s % 60 == 0:
            sequences.append(spool.append(matrix(SLOW_SERIES, at_s)))
            sequences.append(spool.append(Up(logs=LogBlock(source="app", lines=[line] * 8), made_ms=at_s + 1)))
        if at_s % 3600 == 0:
            sequences.append(spool.append(Up(notice=Notice(code="E_TEST", what=str(at_s)), made_ms=at_s + 1)))
    return sequences


class Connection:
    """The writer of one connection, and the server's end of it."""

    def __init__(self, spool: Spool, series: Series) -> None:
        self.spool = spool
        self.outbox = Outbox(spool, series)
        self.waiting: deque[tuple[int, int]] = deque()  # sequence and bytes of what is not acknowledged
        self.last: Up | None = None
        self.got: list[int] = []
        self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            content = await self.outbox.next()
            self.last = Up.FromString(content)
            if self.last.sequence:
                self.got.append(self.last.sequence)
                self.waiting.append((self.last.sequence, len(content)))

    async def until_full(self) -> None:
        """Lets it write until nothing more may go, and sees that this is within the window."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(self.waiting) <= WINDOW_MESSAGES_MAX
        assert sum(size for _, size in self.waiting) <= WINDOW_BYTES_MAX + MESSAGE_BYTES_MAX

    def acknowledge(self, count: int) -> None:
        """Commits so many of the oldest."""
        for sequence, _ in [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))][-1:]:
            self.spool.acknowledge(sequence)
            self.outbox.acknowledged(sequence)

    async def close(self) -> None:
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        self.outbox.close()


@pytest.mark.slow
def test_two_weeks_offline_go_up_in_order_within_the_window_and_in_little_memory(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    sequences = fill(spool, TWO_WEEKS_S)
    assert sum(spool.dropped.values()) == 0
    assert len(sequences) > 100_000
    spooled = sum(path.stat().st_size for path in tmp_path.glob("*/*.seg"))

    async def story() -> list[int]:
        connection = Connection(spool, Series(tmp_path / "series"))
        for pace in itertools.cycle((1, 7, 64, 500, 512)):  # a server that is now slow, now quick
            await connection.until_full()
            if not connection.waiting:
                break
            connection.acknowledge(pace)
        await connection.close()
        return connection.got

    tracemalloc.start()
    got = asyncio.run(story())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got == sequences
    assert spooled > 2 * MEMORY_BYTES_MAX
    assert peak < MEMORY_BYTES_MAX
    assert spool.bytes == 0
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.seg")) < 1 << 20


def test_a_server_that_commits_nothing_gets_one_window_and_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 4 * 3600)

    async def story() -> None:
        connection = Connection(spool, Series(tmp_path / "series"))
        for _ in range(5):
            await connection.until_full()
        assert len(connection.got) == WINDOW_MESSAGES_MAX
        # What passes does not wait behind two weeks: a reply or a status goes at once.
        connection.outbox.post(Up(status=Status(lockdown=True)))
        await connection.until_full()
        assert connection.last is not None
        assert connection.last.status.lockdown
        await connection.close()

    asyncio.run(story())


def test_a_replay_that_breaks_goes_on_where_the_server_stands_and_new_samples_come_last(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    sequences = fill(spool, 6 * 3600)

    async def story() -> None:
        series = Series(tmp_path / "series")
        committed: list[int] = []
        for pace in (100, 3, 512, 40, 1):  # each connection breaks with a window in flight
            connection = Connection(spool, series)
            await connection.until_full()
            connection.acknowledge(pace)
            committed += connection.got[:pace]
            await connection.close()
        late = spool.append(matrix(QUICK_SERIES, TWO_WEEKS_S))
        connection = Connection(spool, series)
        while True:
            await connection.until_full()
            if not connection.waiting:
                break
            connection.acknowledge(512)
        committed += connection.got
        await connection.close()
        assert committed == [*sequences, late]

    asyncio.run(story())
