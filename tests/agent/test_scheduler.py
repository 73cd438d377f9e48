"""The scheduler: collectors in step, one that fails or hangs disturbs no other, time is given."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from sereno_agent.collectors import Collector
from sereno_agent.config import Config
from sereno_agent.intervals import Intervals
from sereno_agent.reading import Reading
from sereno_agent.schedule import Schedule
from sereno_agent.scheduler import Scheduler
from sereno_agent.threads import Threads

T = TypeVar("T")


def collector(name: str, collect=lambda reading: None, **kwargs) -> Collector:
    return Collector(name, collect, **kwargs)


def of_one_second(_: Collector) -> float:
    return 1.0


def test_collectors_of_one_interval_stay_in_step() -> None:
    schedule = Schedule([collector("a"), collector("b")], of_one_second, 100.0)
    for step in range(5):
        now = 100.0 + step + 0.003 * step
        due = schedule.take_due(now)
        assert [entry.collector.name for entry in due] == ["a", "b"]
        assert schedule.take_due(now) == []
        schedule.finish(due[0], now + 0.001, 1.0)
        schedule.finish(due[1], now + 0.2, 1.0)
        assert schedule.next_due() == pytest.approx(101.0 + step)


def test_a_failing_collector_backs_off_and_comes_back_at_once_when_it_recovers() -> None:
    schedule = Schedule([collector("a")], of_one_second, 0.0)
    (entry,) = schedule.entries
    waits = []
    for _ in range(12):
        now = schedule.next_due()
        schedule.take_due(now)
        schedule.finish(entry, now, 1.0, "boom")
        waits.append(schedule.next_due() - now)
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == 600.0
    assert (entry.failures, entry.error) == (12, "boom")
    now = schedule.next_due()
    schedule.take_due(now)
    schedule.finish(entry, now, 1.0)
    assert schedule.next_due() - now == 1.0
    assert (entry.failures, entry.error) == (12, "")


def test_a_slow_collector_takes_at_most_a_twentieth_of_its_time() -> None:
    schedule = Schedule([collector("walk")], of_one_second, 0.0)
    (entry,) = schedule.take_due(0.0)
    schedule.finish(entry, 0.5, 500.0)
    assert schedule.next_due() == 10.0


def test_missed_steps_are_left_out_not_caught_up() -> None:
    schedule = Schedule([collector("a")], of_one_second, 0.0)
    (entry,) = schedule.take_due(0.0)
    schedule.finish(entry, 0.0, 1.0)
    (entry,) = schedule.take_due(3600.5)  # the machine slept
    schedule.finish(entry, 3600.5, 1.0)
    assert schedule.next_due() == 3601.0


def test_new_intervals_count_from_now() -> None:
    seconds = 60.0
    schedule = Schedule([collector("a")], lambda _: seconds, 0.0)
    (entry,) = schedule.take_due(0.0)
    schedule.finish(entry, 0.0, 1.0)
    seconds = 1.0
    schedule.change_intervals(5.0)
    assert schedule.next_due() == 5.0


@pytest.mark.parametrize(
    ("wish", "by_name", "expected"),
    [
        (0, {}, 15.0),
        (1000, {}, 1.0),
        (1, {}, 1.0),
        (60_000, {}, 60.0),
        (1 << 31, {}, 3600.0),
        (1000, {"a": 5000}, 5.0),
    ],
)
def test_the_server_may_choose_from_the_owners_minimum_up(wish: int, by_name: dict, expected: float) -> None:
    intervals = Intervals(Config())
    intervals.wish(wish, by_name)
    assert intervals.of(collector("a")) == expected


def test_what_the_owner_names_the_server_can_only_slow_down() -> None:
    intervals = Intervals(Config(collector_interval_ms={"a": 30_000}))
    assert intervals.of(collector("a")) == 30.0
    assert intervals.wish(1000, {}) is True
    assert intervals.wish(1000, {}) is False
    assert intervals.of(collector("a")) == 30.0
    intervals.wish(1000, {"a": 60_000})
    assert intervals.of(collector("a")) == 60.0
    assert intervals.of(collector("slow", interval_ms=120_000)) == 120.0


class Delivered:
    def __init__(self) -> None:
        self.steps: list[tuple[int, list[tuple[str, Reading]]]] = []

    def __call__(self, step_ms: int, readings: list[tuple[str, Reading]]) -> None:
        self.steps.append((step_ms, readings))

    @property
    def names(self) -> list[str]:
        return [name for _, readings in self.steps for name, reading in readings if reading.samples]

    @property
    def notices(self) -> list[str]:
        return [n.what for _, readings in self.steps for _, reading in readings for n in reading.notices]


def test_one_that_raises_and_one_that_hangs_disturb_no_other() -> None:
    release = threading.Event()

    def fine(reading: Reading) -> None:
        reading.gauge("x", 1.0)

    def bad(reading: Reading) -> None:
        raise ValueError("boom")

    def hanging(reading: Reading) -> None:
        release.wait(30)
        reading.gauge("late", 1.0)

    async def story() -> None:
        delivered = Delivered()
        made = [
            collector("first", fine),
            collector("bad", bad),
            collector("hanging", hanging, deadline_s=0.3),
            collector("last", fine),
        ]
        schedule = Schedule(made, of_one_second, 0.0)
        scheduler = Scheduler(schedule, delivered, clock=asyncio.get_running_loop().time, now_ms=lambda: 42)
        await scheduler.collect(schedule.take_due(1e9))
        assert delivered.names == ["first", "last"]
        assert {step_ms for step_ms, _ in delivered.steps} == {42}
        assert delivered.notices == [
            "collector hanging failed: no end after 0.3 s",
            "collector bad failed: ValueError: boom",
        ]
        assert [entry.running for entry in schedule.entries] == [False, False, True, False]
        # Until it comes back it is not started again, and what it then brings is not believed.
        assert all(entry.collector.name != "hanging" for entry in schedule.take_due(1e12))
        release.set()
        async with asyncio.timeout(20):
            while schedule.entries[2].running:  # noqa: ASYNC110, a thread ends
                await asyncio.sleep(0.01)
        assert schedule.entries[2].failures == 1
        assert "late" not in delivered.names

    asyncio.run(story())


class Starved(Threads):
    """A machine so busy that a thread's first instruction comes an hour after its hand-over."""

    def __init__(self, now: list[float]) -> None:
        super().__init__()
        self._now = now

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        async def later() -> T:
            await asyncio.sleep(0.05)  # the watcher has looked meanwhile
            self._now[0] += 3600.0
            return work()

        return asyncio.ensure_future(later())


def test_waiting_for_the_processor_is_no_overrun_and_a_fact_of_its_own() -> None:
    async def story() -> None:
        now = [0.0]
        delivered = Delivered()

        def slow(reading: Reading) -> None:
            now[0] += 0.02
            reading.gauge("x", 1.0)

        made = [collector(name, slow, deadline_s=0.03) for name in ("first", "second")]
        schedule = Schedule(made, of_one_second, 0.0)
        scheduler = Scheduler(schedule, delivered, threads=Starved(now), clock=lambda: now[0])
        await scheduler.collect(schedule.take_due(0.0))
        assert delivered.names == ["first", "second"]
        assert delivered.notices == []
        assert [entry.failures for entry in schedule.entries] == [0, 0]
        assert scheduler.take_waited_s() == 3600.0
        assert scheduler.take_waited_s() == 0.0

    asyncio.run(story())


def test_one_that_asks_the_process_to_end_has_only_failed() -> None:
    async def story() -> None:
        def exits(_: Reading) -> None:
            raise SystemExit(1)

        delivered = Delivered()
        schedule = Schedule([collector("a", exits), collector("b", lambda r: r.gauge("x", 1.0))], of_one_second, 0.0)
        scheduler = Scheduler(schedule, delivered, clock=asyncio.get_running_loop().time)
        await scheduler.collect(schedule.take_due(1e9))
        assert delivered.names == ["b"]
        assert delivered.notices == ["collector a failed: SystemExit: 1"]

    asyncio.run(story())


def test_when_every_thread_hangs_the_loop_goes_on_and_says_so() -> None:
    release = threading.Event()

    async def story() -> None:
        delivered = Delivered()
        made = [collector(f"h{number}", lambda _: release.wait(30), deadline_s=0.3) for number in range(3)]
        made.append(collector("quick"))
        schedule = Schedule(made, of_one_second, 0.0)
        scheduler = Scheduler(schedule, delivered, threads=Threads(2), clock=asyncio.get_running_loop().time)
        await scheduler.collect(schedule.take_due(1e9))
        assert [entry.error for entry in schedule.entries][2:] == ["no thread is free: other collectors hang"] * 2
        release.set()

    asyncio.run(story())


def test_a_collector_that_the_policy_denies_is_not_run() -> None:
    async def story() -> None:
        ran = []
        made = [collector("a", lambda _: ran.append("a")), collector("b", lambda _: ran.append("b"))]
        schedule = Schedule(made, lambda _: 3600.0, asyncio.get_running_loop().time())
        scheduler = Scheduler(
            schedule,
            lambda *_: task.cancel(),
            denied=lambda: frozenset({"a"}),
            clock=asyncio.get_running_loop().time,
        )
        task = asyncio.create_task(scheduler.run())
        await asyncio.gather(task, return_exceptions=True)
        assert ran == ["b"]

    asyncio.run(story())


def test_those_that_ask_programs_begin_later_and_take_turns_apart_from_the_quick_ones() -> None:
    order: list[str] = []

    def named(name: str, *, apart: bool) -> Collector:
        return Collector(name, lambda _: order.append(name), 1000, 5.0, apart, begin_after_s=5.0 * apart)

    made = [named("slow", apart=True), named("quick", apart=False), named("slower", apart=True)]
    schedule = Schedule(made, lambda _: 60.0, 0.0)
    scheduler = Scheduler(schedule, lambda _step, _readings: None)
    assert [entry.collector.name for entry in schedule.take_due(0.0)] == ["quick"]
    groups = scheduler._group(schedule.take_due(5.0))
    assert [[entry.collector.name for entry in group] for group in groups] == [["slow", "slower"]]
