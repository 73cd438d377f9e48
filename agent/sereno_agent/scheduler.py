"""Runs the collectors: together where they are quick, apart where they are slow, none able to stop another.

All that are due are run one after the other in one thread, so that they share one step and one row. One that overruns
its deadline loses its thread and its reading; those behind it go on in another thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from sereno_agent.reading import Reading, plain
from sereno_agent.schedule import Entry, Schedule
from sereno_agent.threads import Threads

SLOW_MS: Final = 50.0  # what takes longer on average runs in a thread of its own
_ERROR_CHARS_MAX: Final = 300

Deliver = Callable[[int, list[tuple[str, Reading]]], None]  # step_ms, what was read by whom


class _Job:
    """Collectors run one after the other in a thread, watched from the loop."""

    def __init__(self, entries: list[Entry], clock: Callable[[], float]) -> None:
        self.entries = entries
        self._clock = clock
        self.current = 0
        self.started = clock()
        self._abandoned = threading.Event()
        self.ended: list[tuple[Entry, Reading, float, str]] = []

    def work(self) -> None:
        for number, entry in enumerate(self.entries):
            if self._abandoned.is_set():
                return
            self.current, self.started = number, self._clock()
            reading, error = Reading(), ""
            try:
                entry.collector.collect(reading)
            except Exception as raised:  # noqa: BLE001, whatever one collector raises concerns it alone
                error = plain(f"{type(raised).__name__}: {raised}")[:_ERROR_CHARS_MAX]
                reading.notice("E_COLLECTOR", f"collector {entry.collector.name} failed: {error}")
            if self._abandoned.is_set():
                return
            self.ended.append((entry, reading, (self._clock() - self.started) * 1000, error))

    def abandon(self) -> None:
        self._abandoned.set()

    def left_s(self) -> float:
        return self.started + self.entries[self.current].collector.deadline_s - self._clock()


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
            if not future.done():
                job.abandon()  # from here on the job adds nothing to what ended
            ended = list(job.ended)
            entries = []
            if len(ended) < len(job.entries):
                entries = self._give_up(job, future, len(ended))
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

    def _give_up(self, job: _Job, future: "asyncio.Future[None]", ended: int) -> list[Entry]:
        """Leaves a collector that does not end to its thread; gives those that were not begun."""
        entry = job.entries[ended]
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
        return job.entries[ended + 1 :]

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
