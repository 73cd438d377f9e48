import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno_server.prediction.anomaly import ALARM_SCORE, WARM_UP, Anomaly

pytestmark = pytest.mark.slow  # seconds of arithmetic

START = 1_767_225_600.0
STEP_S = 300.0
ONE = np.array([0])


def run(values, engine=None, first=0):
    engine = engine or Anomaly(1)
    scores, alarms = [], []
    for row, value in enumerate(values, first):
        score, alarm = engine.observe(ONE, np.array([START + row * STEP_S]), np.array([value]))
        scores.append(score[0])
        alarms.append(alarm[0])
    return np.array(scores), np.array(alarms)


def noise(rows, seed=1):
    return np.random.default_rng(seed).normal(100, 1, rows)


def test_a_spike_alarms_once():
    values = noise(1500)
    values[1000:1010] += 15
    _, alarms = run(values)
    assert alarms[1000]
    assert alarms[1000:].sum() == 1


def test_a_shift_of_the_level_that_no_sample_shows_alarms():
    values = noise(1500, seed=2)
    values[1000:] += 2.5
    _, alarms = run(values)
    assert alarms[1000:1200].any()


def test_one_huge_sample_does_not_hide_what_comes_after_it():
    values = noise(3000, seed=5)
    values[1000] += 1000
    values[2000:] += 3
    _, alarms = run(values)
    assert alarms[1000]
    assert alarms[2000:2200].any()


def test_what_happens_every_day_is_no_anomaly():
    values = noise(288 * 8, seed=3)
    for day in range(8):
        values[day * 288 + 36 : day * 288 + 60] += 20
    _, alarms = run(values)
    at_work = np.arange(288 * 8) % 288
    assert not alarms[288 * 4 :][(at_work[288 * 4 :] >= 36) & (at_work[288 * 4 :] < 60)].any()


def test_plain_noise_costs_few_alarms():
    alarms = sum(run(noise(2000, seed))[1].sum() for seed in range(10, 14))
    assert alarms <= 12  # 1.5 a thousand, where records break by chance alone


def test_nothing_is_said_before_enough_was_seen():
    values = noise(WARM_UP)
    values[WARM_UP // 2] = 1e9
    assert not run(values)[1].any()


def test_a_constant_series_that_changes_scores_high_and_is_finite():
    scores, _ = run([5.0] * 200 + [6.0] + [5.0] * 50)
    assert scores[200] > ALARM_SCORE
    assert np.isfinite(scores).all()


series = st.builds(
    lambda seed, rows, size: np.round(np.random.default_rng(seed).normal(0, size, rows).cumsum() * 64) / 64,
    st.integers(0, 1000),
    st.integers(110, 220),
    st.floats(0.1, 5),
)


@settings(max_examples=10, deadline=None)
@given(series, st.floats(0.1, 0.9))
def test_a_longer_future_never_changes_an_earlier_score(values, share):
    cut = int(len(values) * share)
    np.testing.assert_array_equal(run(values)[0][:cut], run(values[:cut])[0])


@settings(max_examples=10, deadline=None)
@given(series, st.integers(-8, 8), st.integers(-50, 50))
def test_unit_and_offset_do_not_matter(values, power, offset):
    np.testing.assert_allclose(run((values + offset) * 2.0**power)[0], run(values)[0], atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(series, st.integers(0, 100))
def test_what_is_not_finite_is_passed_over(values, place):
    engine = Anomaly(1)
    run(values[:place], engine)
    assert not engine.observe(ONE, np.array([START]), np.array([np.nan]))[1][0]
    np.testing.assert_array_equal(run(values[place:], engine, place)[0], run(values)[0][place:])


@settings(max_examples=10, deadline=None)
@given(series, st.floats(0.1, 0.9))
def test_a_restart_from_what_was_kept_gives_the_same_scores(values, share):
    cut, first, second = int(len(values) * share), Anomaly(1), Anomaly(1)
    run(values[:cut], first)
    second.load(first.dump())
    np.testing.assert_array_equal(run(values[cut:], second, cut)[0], run(values)[0][cut:])


@settings(max_examples=10, deadline=None)
@given(series, st.integers(1, 100), st.integers(1, 40))
def test_days_without_samples_are_no_anomaly_by_themselves(values, place, days):
    engine, gapless = Anomaly(1), Anomaly(1)
    day = int(86_400 / STEP_S)
    before, after = run(values[:place], engine), run(values[place:], engine, place + days * day)
    np.testing.assert_array_equal(np.concatenate([before[0], after[0]]), run(values, gapless)[0])
