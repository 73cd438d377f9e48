"""When each collector is due: intervals, back-off after failures, and what each one costs. Pure; time is given."""

import math
from collections.abc import Callable, Collection, Iterable
from typing import Final

from sereno_agent.collectors import Collector

BACKOFF_S_MAX: Final = 600.0
COST_SHARE_MAX: Final = 0.05  # a collector takes at most this part of its interval, or the interval grows
_TOGETHER_S: Final = 0.01  # what is due within this is done together
_WEIGHT: Final = 0.2  # of the newest duration in the mean


class Entry:
    """One collector's place in the schedule, and what is known of its running."""

    __slots__ = (
        "again", "ahead_s", "collector", "due", "error", "failed_in_row", "failures", "interval_s", "mean_ms",
        "running",
    )  # fmt: skip

    def __init__(self, collector: Collector, interval_s: float, due: float) -> None:
        self.collector = collector
        self.interval_s = interval_s
        self.due = due
        # One that began later than the others falls into step with its second run: what goes up together is cheaper.
        self.ahead_s = collector.begin_after_s % interval_s
        self.running = False
        self.again = False  # asked for while it ran
        self.mean_ms = 0.0
        self.failures = 0
        self.failed_in_row = 0
        self.error = ""

    @property
    def wait_s(self) -> float:
        """Seconds from one start to the next: the interval, longer for what fails or is slow."""
        wait = max(self.interval_s, self.mean_ms / 1000 / COST_SHARE_MAX)
        if self.failed_in_row:
            backed_off = max(self.interval_s, 1.0) * 2 ** min(self.failed_in_row, 10)
            wait = max(wait, min(backed_off, max(BACKOFF_S_MAX, self.interval_s)))
        # Whole intervals, so that collectors of the same interval stay in step.
        return math.ceil(wait / self.interval_s - 1e-6) * self.interval_s


class Schedule:
    """All collectors of the agent."""

    def __init__(self, collectors: Iterable[Collector], interval_s: Callable[[Collector], float], now: float) -> None:
        self._interval_s = interval_s
        self.entries = [
            Entry(collector, interval_s(collector), now + collector.begin_after_s) for collector in collectors
        ]

    def take_due(self, now: float) -> list[Entry]:
        """Marks what is due as running and gives it."""
        due = [entry for entry in self.entries if not entry.running and entry.due <= now + _TOGETHER_S]
        for entry in due:
            entry.running = True
        return due

    def finish(self, entry: Entry, now: float, ms: float, error: str = "") -> None:
        """Notes how a run ended and when the next one is due, in step with the last."""
        entry.running = False
        entry.mean_ms = ms if not entry.mean_ms else entry.mean_ms + _WEIGHT * (ms - entry.mean_ms)
        entry.error = error
        if error:
            entry.failures += 1
            entry.failed_in_row += 1
        else:
            entry.failed_in_row = 0
        missed = max(0, math.floor((now - entry.due) / entry.interval_s)) * entry.interval_s
        entry.due += max(entry.wait_s, missed + entry.interval_s) - entry.ahead_s
        entry.ahead_s = 0.0
        if entry.again:
            entry.again = False
            entry.due = min(entry.due, now) if not error else entry.due

    def overrun(self, entry: Entry, error: str) -> None:
        """Notes that a run does not end. It stays running, and so is not started again, until it does."""
        entry.error = error

    def hurry(self, names: Collection[str], now: float) -> None:
        """Makes these due now; one that runs, or backs off after a failure, when that is over."""
        for entry in self.entries:
            if entry.collector.name in names and not entry.failed_in_row:
                if entry.running:
                    entry.again = True
                else:
                    entry.due = min(entry.due, now)

    def next_due(self) -> float:
        """When the next collector is due; infinity while all run."""
        return min((entry.due for entry in self.entries if not entry.running), default=math.inf)

    def change_intervals(self, now: float) -> None:
        """Asks for every interval again; what comes sooner now is due an interval from now at the latest."""
        for entry in self.entries:
            interval_s = self._interval_s(entry.collector)
            if interval_s != entry.interval_s:
                entry.interval_s = interval_s
                entry.due = now if entry.due > now + interval_s else entry.due
