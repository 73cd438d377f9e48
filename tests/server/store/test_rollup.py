"""A rollup says of each stretch what its samples say, and stays so when it is stored, widened or put together."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_server.store.rates import rate
from sereno_server.store.rollup import (
    DAY_MS,
    FIVE_MINUTES_MS,
    HOUR_MS,
    MEAN_BITS,
    STEPS_MS,
    by_series,
    coarser,
    pack,
    roll,
    unpack,
)

LEVEL, COUNTER, ALONE = 1, 2, 3
COUNTERS = frozenset({COUNTER})
finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.integers(-(10**6), 10**6).map(lambda n: n / 100)


@st.composite
def days(draw, values=plain):
    """Columns of an hour before a day and the day: two series measured together, one by itself."""
    columns = {}
    for members in ((LEVEL, COUNTER), (ALONE,)):
        times = np.array(sorted(draw(st.lists(st.integers(-HOUR_MS, DAY_MS - 1), min_size=1, max_size=30))), np.int64)
        for series in members:
            columns[series] = (times, np.array([draw(values) for _ in times]))
    return columns


def one_by_one(columns, step):
    """The same as `roll`, as one would say it."""
    cells = defaultdict(list)
    for series, samples in columns.items():
        times, values = rate(*samples) if series in COUNTERS else samples
        for time, value in zip(times.tolist(), values.tolist(), strict=True):
            if 0 <= time < DAY_MS:
                cells[series, time // step * step].append(value)
    return cells


def cells_of(parts, step=FIVE_MINUTES_MS):
    return {
        (series, time): (low, mean, high, count)
        for series, one in by_series(parts, step).items()
        for time, low, mean, high, count in zip(
            one.times.tolist(),
            one.lowest.tolist(),
            one.mean.tolist(),
            one.highest.tolist(),
            one.counts.tolist(),
            strict=True,
        )
    }


@pytest.mark.parametrize("step", STEPS_MS)
@given(columns=days())
def test_each_stretch_has_the_lowest_mean_highest_and_number_of_its_samples(step, columns):
    expected = one_by_one(columns, step)
    found = cells_of(roll(columns, COUNTERS, step, 0, DAY_MS), step)
    assert found.keys() == expected.keys()
    for key, (low, mean, high, count) in found.items():
        values = expected[key]
        near = 1e-3 if key[0] in COUNTERS else 1e-9
        assert count == len(values)
        assert low == pytest.approx(min(values), rel=near if key[0] in COUNTERS else 0, abs=0)
        assert high == pytest.approx(max(values), rel=near if key[0] in COUNTERS else 0, abs=0)
        assert mean == pytest.approx(np.mean(values), rel=near, abs=1e-6 + near * max(map(abs, values)))


@given(columns=days(st.one_of(plain, finite)))
def test_what_is_stored_comes_back_extremes_exactly_and_means_nearly(columns):
    near = 1.001 * 2.0**-MEAN_BITS  # the nearest of so many digits is half a unit off, of a half or more
    parts = roll(columns, COUNTERS, FIVE_MINUTES_MS, 0, DAY_MS)
    before, after = cells_of(parts), cells_of(unpack(pack(parts)))
    assert before.keys() == after.keys()
    for key, (low, mean, high, count) in before.items():
        assert after[key][0::2] == (low, high)
        assert after[key][3] == count
        assert low <= after[key][1] <= high
        distance = mean / 2 - low / 2  # halves, so that nothing overflows
        assert after[key][1] / 2 - low / 2 == pytest.approx(distance, rel=near, abs=abs(low) * 1e-12 + 1e-300)


@given(columns=days())
def test_hours_of_samples_are_hours_of_their_five_minutes(columns):
    hours = cells_of(roll(columns, COUNTERS, HOUR_MS, 0, DAY_MS), HOUR_MS)
    widened = cells_of(coarser(roll(columns, COUNTERS, FIVE_MINUTES_MS, 0, DAY_MS), HOUR_MS), HOUR_MS)
    assert hours.keys() == widened.keys()
    for key, cell in hours.items():
        assert widened[key] == pytest.approx(cell, rel=1e-3, abs=1e-6 + 1e-3 * max(abs(cell[0]), abs(cell[2])))


@given(columns=days(), cut=st.integers(0, DAY_MS))
def test_levels_rolled_up_in_two_parts_are_as_in_one(columns, cut):
    whole = roll(columns, frozenset(), FIVE_MINUTES_MS, 0, DAY_MS)
    parts = roll(columns, frozenset(), FIVE_MINUTES_MS, 0, cut) + roll(
        columns, frozenset(), FIVE_MINUTES_MS, cut, DAY_MS
    )
    one, two = cells_of(whole), cells_of(parts)
    assert one.keys() == two.keys()
    for key, cell in one.items():
        assert two[key] == pytest.approx(cell, rel=1e-9, abs=1e-6)


def test_only_the_wanted_series_are_read():
    times = np.array([0, 10, FIVE_MINUTES_MS])
    columns = {n: (times, np.array([n, n + 1.0, n / 3])) for n in range(1, 5)}
    payload = pack(roll(columns, COUNTERS, FIVE_MINUTES_MS, 0, DAY_MS))
    (part,) = unpack(payload, {3})
    assert part.series == (3,)
    assert part.counts.tolist() == [2, 1]
    assert part.highest.tolist() == [[4.0, 1.0]]
    assert unpack(payload, {99}) == []


def test_a_spike_of_one_sample_is_in_every_width():
    times = np.arange(0, DAY_MS, 15_000, dtype=np.int64)
    values = np.ones(times.size)
    values[1234] = 987_654.321
    parts = unpack(pack(roll({1: (times, values)}, frozenset(), FIVE_MINUTES_MS, 0, DAY_MS)))
    for step in (FIVE_MINUTES_MS, HOUR_MS, 7 * HOUR_MS):
        assert by_series(parts, step)[1].highest.max() == 987_654.321
