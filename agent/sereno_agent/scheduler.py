"""Runs the collectors: together where they are quick, apart where they are slow, none able to stop another.

All that are due are run one after the other in one thread, so that they share one step and one row. One that overruns
its deadline loses its thread and its reading; those behind it go on in another thread. The deadline counts from its
first instruction: how long a busy machine let it wait before that is a figure of its own (`agent_wait_seconds`).
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from sereno_agent.reading import Reading, plain
from sereno_agent.schedule import Entry, Schedule
from sereno_agent.threads import Threads

SLOW_MS: Final = 50.0  # what takes longer on average runs in a thread of its own
_ERROR_CHARS_MAX: Final = 300

Ended = tuple[Entry, Reading, float, str]  # what was read, in how many ms, and how it failed
Deliver = Callable[[int, list[tuple[str, Reading]]], None]  # step_ms, what was read by whom


class _Job:
    """Collectors run one after the other in a thread, watched from the loop."""

    def __init__(self, entries: list[Entry], clock: Callable[[], float]) -> None:
        self.entries = entries
        self._clock = clock
        self._handed_over = clock()
        self._lock = threading.Lock()
        self._running: tuple[int, float] | None = None  # its number, and when it began
        self._abandoned = threading.Event()
        self._ended: list[Ended] = []
        self.waited_s: float | None = None  # from hand-over to the first instruction; None = it still waits

    def work(self) -> None:
        for number, entry in enumerate(self.entries):
            with self._lock:
                if self._abandoned.is_set():
                    return
                began = self._clock()
                self._running = number, began
                if self.waited_s is None:
                    self.waited_s = began - self._handed_over
            reading, error = Reading(), ""
            try:
                entry.collector.collect(reading)
            except BaseException as raised:  # noqa: BLE001, whatever one collector raises concerns it alone
                error = plain(f"{type(raised).__name__}: {raised}")[:_ERROR_CHARS_MAX]
                reading.notice("E_COLLECTOR", f"collector {entry.collector.name} failed: {error}")
            with self._lock:
                if self._abandoned.is_set():
                    return
                self._running = None
                self._ended.append((entry, reading, (self._clock() - began) * 1000, error))

    def left_s(self) -> float:
        """Until the one that runs is late. One that waits for the processor is not: its time begins when it does."""
        running = self._running
        if running is None:
            return math.inf
        number, began = running
        return began + self.entries[number].collector.deadline_s - self._clock()

    def abandon(self) -> tuple[list[Ended], Entry | None]:
        """What has ended, and which one runs; from here on nothing is added, and no other is begun."""
        with self._lock:
            self._abandoned.set()
            return self._ended, None if self._running is None else self.entries[self._running[0]]


class Scheduler:
    """The collectors' owner on the event loop."""

    def __init__(
        self,
        schedule: Schedule,
        deliver: Deliver,
        *,
        denied: Callable[[], frozenset[str]] = frozenset,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        threads: Threads | None = None,
    ) -> None:
        self.schedule = schedule
        self._deliver = deliver
        self._denied = denied
        self._clock = clock
        self._now_ms = now_ms
        self._threads = threads or Threads()
        self._wake = asyncio.Event()
        self._stuck: set[asyncio.Future[None]] = set()
        self._waited_s = 0.0

    def take_waited_s(self) -> float:
        """The longest that collectors waited for the processor, from hand-over to their thread, since last asked."""
        waited_s, self._waited_s = self._waited_s, 0.0
        return waited_s

    def intervals_changed(self) -> None:
        """Takes new intervals into account now."""
        self.schedule.change_intervals(self._clock())
        self._wake.set()

    def hurry(self, names: Collection[str]) -> None:
        """Runs these collectors now; those that run at the moment once more when they have ended."""
        self.schedule.hurry(names, self._clock())
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as jobs:
            while True:
                for entries in self._group(self.schedule.take_due(self._clock())):
                    jobs.create_task(self.collect(entries))
                await self._sleep()

    async def collect(self, entries: list[Entry]) -> None:
        """One step of these collectors: what they read is delivered, what fails is noted."""
        step_ms = self._now_ms()
        while entries:
            if not self._threads.available:
                for entry in entries:
                    self._end(entry, 0.0, "no thread is free: other collectors hang")
                return
            job = _Job(entries, self._clock)
            future = self._threads.run(job.work)
            shortest_s = min(entry.collector.deadline_s for entry in entries)
            while not future.done() and (left_s := job.left_s()) > 0:
                await asyncio.wait((future,), timeout=min(left_s, shortest_s))
            ended, late = job.abandon()
            self._waited_s = max(self._waited_s, job.waited_s or 0.0)
            entries = entries[len(ended) :]
            if late is not None:
                self._give_up(late, future)
                entries = entries[1:]
            for entry, _, ms, error in ended:
                self._end(entry, ms, error)
            self._deliver(step_ms, [(entry.collector.name, reading) for entry, reading, _, _ in ended])

    def _group(self, due: list[Entry]) -> list[list[Entry]]:
        denied = self._denied()
        for entry in due:
            if entry.collector.name in denied:
                self._end(entry, 0.0, "")
        allowed = [entry for entry in due if entry.running]
        # Those that ask programs take turns in one thread: together they would be a burst, and take every thread.
        apart = [entry for entry in allowed if entry.collector.apart]
        quick = [entry for entry in allowed if entry.mean_ms < SLOW_MS and not entry.collector.apart]
        slow = [[entry] for entry in allowed if entry.mean_ms >= SLOW_MS and not entry.collector.apart]
        return [*slow, *(group for group in (quick, apart) if group)]

    def _give_up(self, entry: Entry, future: "asyncio.Future[None]") -> None:
        """Leaves a collector that does not end to its thread."""
        deadline_s = entry.collector.deadline_s
        error = f"no end after {deadline_s:g} s"
        self.schedule.overrun(entry, error)
        late = Reading()
        late.notice("E_COLLECTOR", f"collector {entry.collector.name} failed: {error}")
        self._deliver(self._now_ms(), [(entry.collector.name, late)])

        def came_back(_: "asyncio.Future[None]") -> None:
            self._stuck.discard(future)
            self.schedule.finish(entry, self._clock(), deadline_s * 1000, error)
            self._wake.set()

        self._stuck.add(future)
        future.add_done_callback(came_back)

    def _end(self, entry: Entry, ms: float, error: str) -> None:
        self.schedule.finish(entry, self._clock(), ms, error)
        self._wake.set()

    async def _sleep(self) -> None:
        self._wake.clear()
        wait_s = self.schedule.next_due() - self._clock()
        if wait_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(min(wait_s, 3600.0)):
                await self._wake.wait()
        except TimeoutError:
            pass
