import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.prediction.replay import ONE, START, replay
from tests.server.prediction.shapes import noisy, quiet_then_ramp, sawtooth

from sereno_server.prediction.exhaustion import Exhaustion

pytestmark = pytest.mark.slow  # seconds of arithmetic

HOUR = 3600.0


@pytest.mark.parametrize(("quiet", "ramp"), [(20, 90), (20, 120), (40, 120), (600, 150)])
def test_a_folder_that_fills_within_two_minutes_is_announced_in_the_first_third(quiet, ramp):
    said = replay(noisy(quiet_then_ramp(quiet, ramp), seed=1), step_s=1.0)
    first = int(np.argmax(np.isfinite(said.full_at)))
    assert quiet < first <= quiet + 0.4 * ramp
    assert said.full_at[first] == pytest.approx(quiet + ramp, rel=0.1)
    assert said.low[first] < quiet + ramp < said.high[first]
    assert abs(said.onset[first] - quiet) < 0.2 * ramp


@pytest.mark.parametrize("step_s", [1.0, 15.0, 300.0, 3600.0])
def test_the_sampling_step_does_not_matter(step_s):
    said = replay(noisy(quiet_then_ramp(100, 60), seed=2), step_s=step_s)
    assert np.isfinite(said.full_at[125:160]).all()
    assert said.full_at[140] == pytest.approx(160 * step_s, rel=0.05)


@pytest.mark.parametrize(
    "used",
    [
        np.full(720, 0.5),
        sawtooth(720, 12, 0.3),
        sawtooth(720, 24, 0.3, floor=0.6),
        sawtooth(720, 168, 0.3),
        np.where(np.arange(720) < 300, 0.5, 0.8),
        0.5 + 0.01 * np.sin(np.arange(720) * 2 * np.pi / 24),
    ],
    ids=["flat", "rotation", "nightly clean-up", "weekly clean-up", "one-off step", "day cycle"],
)
def test_it_keeps_quiet_on(used):
    said = replay(noisy(used, seed=3))
    assert not np.isfinite(said.full_at[48:]).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_that_took_an_hour_of_five_minute_rows_is_forgotten_within_an_hour_of_its_end(seed):
    copied = np.concatenate([np.zeros(1200), np.linspace(0, 0.2, 13), np.full(600, 0.2)])
    said = replay(noisy(0.45 + copied, seed, 0.0015), step_s=300.0)
    assert not np.isfinite(said.full_at[1224:]).any()


def test_a_clean_up_at_a_high_mark_is_learned():
    level, used = 0.6, []
    for growth in np.random.default_rng(4).uniform(0, 0.01, 720):
        level = 0.80 if level + growth > 0.85 else level + growth
        used.append(level)
    left = replay(used).full_at[200:] - np.arange(200, 720) * HOUR
    assert not (left <= 48 * HOUR).any()


def test_a_slow_leak_under_a_nightly_clean_up_is_announced_days_ahead():
    used = noisy(sawtooth(600, 24, 0.15, floor=0.4, leak=0.001), seed=5)
    full = int(np.argmax(used >= 1))
    said = replay(used[:full])
    assert np.isfinite(said.full_at[full - 48 :]).mean() > 0.9
    assert abs(said.full_at[full - 48] - full * HOUR) < 48 * HOUR


def test_it_does_not_clear_because_the_disk_is_full():
    used = np.minimum(np.concatenate([quiet_then_ramp(100, 30), np.ones(200)]), 1.0)
    said = replay(used)
    assert np.isfinite(said.full_at[130:]).all()


def test_it_clears_when_the_room_is_freed():
    used = np.concatenate([quiet_then_ramp(100, 60)[:140], np.full(20, 0.1)])
    said = replay(used)
    assert np.isfinite(said.full_at[139])
    assert not np.isfinite(said.full_at[140:]).any()


def test_a_limit_that_is_raised_in_time_ends_the_forecast():
    engine, answers = Exhaustion(1), []
    for row, used in enumerate(quiet_then_ramp(100, 60)[:140]):
        capacity = 1.0 if row < 130 else 20.0
        answer = engine.observe(ONE, np.array([START + row * HOUR]), np.array([used]), np.array([capacity]))
        answers.append(bool(np.isfinite(answer.full_at[0])))
    assert answers[129]
    assert not answers[139]


def test_a_folder_that_appeared_just_before_is_announced_all_the_same():
    """As the disk drill recorded it: nothing, at once its usual size, a short saw-tooth, and rotation stops."""
    saw = [
        2.07,
        2.42,
        2.77,
        2.12,
        2.47,
        2.82,
        2.17,
        2.52,
        2.87,
        2.17,
        2.52,
        2.87,
        2.17,
        2.45,
        2.8,
        3.15,
        2.45,
        2.8,
        3.15,
    ]
    used = np.array([0.0, *saw, *(3.15 + 0.35 * np.arange(1, 100))])
    said = replay(used, step_s=1.0, capacity=60.0)
    first = int(np.argmax(np.isfinite(said.full_at)))
    assert first <= len(saw) + 45
    assert abs(said.onset[first] - len(saw)) < 8


walks = st.builds(
    lambda seed, rows, slope, size, period, height: np.clip(
        noisy(sawtooth(rows, period, height, leak=slope), seed, size), 0, 1
    ),
    st.integers(0, 10_000),
    st.integers(30, 80),
    st.floats(0, 0.02),
    st.floats(0, 0.05),
    st.integers(2, 60),
    st.floats(0, 0.3),
)


@settings(max_examples=8, deadline=None)
@given(walks, st.floats(0.1, 0.9))
def test_a_longer_future_never_changes_an_earlier_answer(used, share):
    cut = int(len(used) * share)
    np.testing.assert_array_equal(replay(used).full_at[:cut], replay(used[:cut]).full_at)


@settings(max_examples=8, deadline=None)
@given(walks, st.integers(-30, 30), st.integers(-4, 4))
def test_unit_and_offset_of_the_values_do_not_matter(used, power, offset):
    used = np.round(used * 4096) / 4096  # so that scaling and shifting are exact and only the algorithm is tested
    scale = 2.0**power
    other = replay((used + offset) * scale, capacity=(1.0 + offset) * scale)
    np.testing.assert_allclose(other.full_at, replay(used).full_at, rtol=1e-6, atol=1e-3)


@settings(max_examples=8, deadline=None)
@given(walks, st.data())
def test_samples_that_are_not_finite_change_nothing(used, data):
    places = data.draw(st.lists(st.integers(0, len(used)), max_size=5))
    at = np.insert(np.arange(len(used)) * HOUR, places, 0.0)
    bad = np.insert(used, places, data.draw(st.sampled_from([np.nan, np.inf, -np.inf])))
    said = replay(bad, at=np.where(np.isfinite(bad), at, np.nan))
    np.testing.assert_array_equal(said.full_at[np.isfinite(bad)], replay(used).full_at)


@settings(max_examples=8, deadline=None)
@given(walks, st.floats(0.1, 0.9))
def test_a_restart_from_what_was_kept_gives_the_same_answers(used, share):
    cut, first, second = int(len(used) * share), Exhaustion(1), Exhaustion(1)
    replay(used[:cut], engine=first)
    for part, old in zip(second.parts(), first.parts(), strict=True):
        part.load(old.dump())
    rest = replay(used[cut:], at=np.arange(cut, len(used)) * HOUR, engine=second)
    np.testing.assert_array_equal(rest.full_at, replay(used).full_at[cut:])


@settings(max_examples=5, deadline=None)
@given(walks, walks)
def test_series_do_not_influence_each_other(one, two):
    length = min(len(one), len(two))
    engine, answers = Exhaustion(2), []
    for row in range(length):
        at = np.full(2, START + row * HOUR)
        answers.append(engine.observe(np.arange(2), at, np.array([one[row], two[row]]), np.ones(2)).full_at - START)
    np.testing.assert_array_equal(np.array(answers).T, [replay(one[:length]).full_at, replay(two[:length]).full_at])


def test_a_clock_that_steps_back_raises_nothing():
    at = np.arange(400) * HOUR
    at[200:] -= 24 * HOUR
    said = replay(noisy(np.full(400, 0.5), seed=6), at=at)
    assert not np.isfinite(said.full_at).any()


def test_a_gap_in_a_quiet_series_raises_nothing():
    at = np.arange(400) * HOUR
    at[200:] += 24 * 9 * HOUR
    said = replay(noisy(np.full(400, 0.5), seed=7), at=at)
    assert not np.isfinite(said.full_at).any()


def test_rows_that_are_forgotten_or_new_are_fresh():
    engine = Exhaustion(1)
    replay(quiet_then_ramp(100, 60)[:140], engine=engine)
    for part in engine.parts():
        part.forget(ONE)
        part.grow(3)
    fresh = Exhaustion(3)
    for part, other in zip(engine.parts(), fresh.parts(), strict=True):
        for name, column in part.dump().items():
            np.testing.assert_array_equal(column, other.dump()[name])
