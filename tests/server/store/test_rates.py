"""Counters become rates, and neither a reset nor an absence becomes a spike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sereno_server.store.rates import rate


def of(pairs):
    times, values = rate(np.array([t for t, _ in pairs], np.int64), np.array([v for _, v in pairs], float))
    return list(zip(times.tolist(), values.tolist(), strict=True))


def test_a_count_that_rises_is_its_growth_a_second():
    assert of([(0, 100), (10_000, 150), (20_000, 150)]) == [(10_000, 5.0), (20_000, 0.0)]


def test_after_a_reset_it_rose_by_what_it_shows():
    assert of([(0, 1e12), (1000, 40), (2000, 50)]) == [(1000, 40.0), (2000, 10.0)]


def test_a_gap_has_no_rate():
    steps = [(n * 1000, n * 5) for n in range(10)]
    assert of([*steps, (3_600_000, 900_000), (3_601_000, 900_005)])[-2:] == [(9000, 5.0), (3_601_000, 5.0)]


def test_two_samples_of_one_moment_and_one_alone_give_nothing():
    assert of([(0, 1)]) == []
    assert of([]) == []
    assert of([(0, 1), (0, 5)]) == []


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 1e15)), max_size=50))
def test_a_rate_is_never_negative_and_never_infinite(steps):
    at, pairs = 0, []
    for step, value in steps:
        at += step
        pairs.append((at, value))
    assert all(value >= 0 and np.isfinite(value) for _, value in of(pairs))
