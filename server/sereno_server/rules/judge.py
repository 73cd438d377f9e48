"""One rule over the samples of one series, as they come: hold time, hysteresis, counters that start anew. Pure.

Times are the device's own, in milliseconds. A sample not newer than what was seen changes nothing. Time in which
nothing was measured counts for little: a clock that jumps, or a device that was away, makes no condition hold.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sereno_server.rules.rule import Beyond, Falls, Rise, Rule, Share, Size

STEPS_CAPPED: Final = 2  # of `every_s`: the most that passes between two samples
RISES_MAX: Final = 64  # kept of one window; beyond that neighbours are put together

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]
Column = tuple[Int64, Floats]


@dataclass(slots=True)
class Memory:
    """What is known of one series under one rule. at_ms: the newest sample seen; 0 = none yet.

    wrong_ms, right_ms: for how long it has been so; -1 = it is not. since_ms: since when it has been wrong.
    rises: [when, how much] within the window.
    """

    at_ms: int = 0
    value: float = 0.0
    step_ms: int = 0
    figure: float = 0.0
    wrong_ms: int = -1
    right_ms: int = -1
    since_ms: int = 0
    was_good: bool = False
    rises: list[list[float]] = field(default_factory=list)

    def dump(self) -> list[Any]:
        """As JSON."""
        return list(asdict(self).values())

    @classmethod
    def load(cls, kept: Sequence[Any]) -> "Memory":
        """From `dump`. Raises TypeError when it is of another version."""
        return cls(*kept)


def feed(rule: Rule, memory: Memory, column: Column, partner: Column | None, *, is_open: bool) -> None:
    """Takes new samples. partner: of the series that it is measured against; without it there is no figure."""
    times, values = _fresh(memory, column)
    if not len(times):
        return
    if isinstance(rule.measure, Rise | Falls):
        for at, value in zip(times.tolist(), values.tolist(), strict=True):
            _count(rule.measure, memory, at, value)
            _take(rule, memory, at, sum(amount for _, amount in memory.rises), is_open=is_open)
            memory.value = value
        return
    figures = _figures(rule, times, values, partner)
    if figures is None:
        return
    if memory.wrong_ms < 0 and not is_open and not _wrong(rule, figures, rule.limit).any():
        memory.step_ms = int(times[-1] - (times[-2] if len(times) > 1 else memory.at_ms or times[-1]))
        memory.at_ms, memory.figure, memory.was_good = int(times[-1]), float(figures[-1]), True
        return
    for at, figure in zip(times.tolist(), figures.tolist(), strict=True):
        _take(rule, memory, at, figure, is_open=is_open)


def holds(rule: Rule, memory: Memory) -> bool:
    """Whether it has been wrong for long enough."""
    return memory.wrong_ms >= rule.hold_s * 1000 and (memory.was_good or not rule.after_good)


def is_over(rule: Rule, memory: Memory) -> bool:
    """Whether what was wrong has been right for long enough."""
    return memory.wrong_ms < 0 and memory.right_ms >= rule.clear_s * 1000


def is_absent(rule: Rule, memory: Memory, reference_ms: int) -> bool:
    """Whether it is not measured any more, while others of the device were up to `reference_ms`."""
    return reference_ms - memory.at_ms > max(rule.absent_s * 1000, 3 * memory.step_ms)


def _fresh(memory: Memory, column: Column) -> Column:
    times, values = column
    keep = np.isfinite(values) & (times > memory.at_ms)
    return times[keep], values[keep]


def _figures(rule: Rule, times: Int64, values: Floats, partner: Column | None) -> Floats | None:
    if isinstance(rule.measure, Size):
        return np.abs(values)
    if not isinstance(rule.measure, Beyond | Share):
        return values
    if partner is None or not len(partner[0]):
        return None
    other = partner[1][np.maximum(np.searchsorted(partner[0], times, side="right") - 1, 0)]
    if isinstance(rule.measure, Beyond):
        return values - other
    return values / other if (other > 0).all() else None


def _wrong(rule: Rule, figure: Any, limit: float) -> Any:
    return figure <= limit if rule.falling else figure >= limit


def _take(rule: Rule, memory: Memory, at: int, figure: float, *, is_open: bool) -> None:
    passed = min(at - memory.at_ms, int(STEPS_CAPPED * rule.every_s * 1000)) if memory.at_ms else 0
    memory.step_ms = at - memory.at_ms if memory.at_ms else 0
    memory.at_ms, memory.figure = at, figure
    if _wrong(rule, figure, rule.clear if is_open else rule.limit):
        memory.since_ms = at if memory.wrong_ms < 0 else memory.since_ms
        memory.wrong_ms = 0 if memory.wrong_ms < 0 else memory.wrong_ms + passed
        memory.right_ms = -1
    else:
        memory.right_ms = 0 if memory.right_ms < 0 else memory.right_ms + passed
        memory.wrong_ms, memory.was_good = -1, True


def _count(measure: Rise | Falls, memory: Memory, at: int, value: float) -> None:
    """Keeps what a counter rose, or that it fell. The first sample of a series is where counting begins."""
    moved = value - memory.value if memory.at_ms else 0.0
    amount = float(moved < 0) if isinstance(measure, Falls) else max(moved, 0.0)
    memory.rises = [one for one in memory.rises if at - one[0] < measure.within_s * 1000]
    if amount:
        memory.rises.append([at, amount])
    if len(memory.rises) > RISES_MAX:
        first, second = memory.rises[:2]
        memory.rises[:2] = [[second[0], first[1] + second[1]]]
