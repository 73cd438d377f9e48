"""Quiet weeks stay quiet; what is wrong is one incident; restarts are understood; a restart of ours changes nothing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.prediction.quiet_device import DAY, fed, quiet

from sereno_server.prediction.incidents import HOLD_SLOTS, LEARN_SLOTS, Calm, Departure, is_open, step, title
from sereno_server.prediction.slots import SLOT_MS, into_slots
from sereno_server.prediction.unusual import Unusual

AREAS = ("cpu", "disk", "network", "memory")


def departures(beyond, areas=AREAS):
    return [Departure(number, f"{area}_x", 9.0, 1.0, beyond) for number, area in enumerate(areas)]


def known(slots=LEARN_SLOTS + 10):
    calm = Calm()
    for slot in range(slots):
        step(calm, slot, [], 0)
    return calm


def test_several_areas_together_are_one_incident_and_it_ends_after_a_quiet_hour():
    calm = known()
    first = calm.slot + 1
    assert step(calm, first, departures(1.0), 0).strength > 1
    assert [step(calm, first + k, departures(1.0), 0) for k in range(1, 20)] == [None] * 19
    assert is_open(calm)
    for slot in range(first + 20, first + 40):
        step(calm, slot, [], 0)
    assert not is_open(calm)


def test_one_area_alone_is_no_incident_however_many_series_it_has():
    calm = known()
    assert step(calm, calm.slot + 1, departures(1e9, ["disk"] * 30), 0) is None


def test_a_restless_device_has_to_be_more_so():
    calm = known()
    assert step(calm, calm.slot + 1, departures(1.0), 0) is not None
    for slot in range(calm.slot + 1, calm.slot + 1 + DAY):
        step(calm, slot, [], 0)
    assert step(calm, calm.slot + 1, departures(1.0), 0) is None
    assert step(calm, calm.slot + 1, departures(1.5, [*AREAS, "load", "sockets"]), 0) is not None


@pytest.mark.parametrize("restart", [{"resets": 5, "gap": 0}, {"resets": 0, "gap": 4}])
def test_after_a_restart_or_a_gap_nothing_is_said_for_half_an_hour(restart):
    calm = known()
    first = calm.slot + 1 + restart["gap"]
    assert step(calm, first, departures(1.0), restart["resets"]) is None
    for slot in range(first + 1, first + HOLD_SLOTS):
        assert step(calm, slot, departures(1.5), 0) is None
    assert step(calm, first + HOLD_SLOTS, departures(1.0), 0) is not None


def test_nothing_is_said_of_a_device_in_its_first_days():
    calm = known(LEARN_SLOTS - 10)
    assert step(calm, calm.slot + 1, departures(1.5), 0) is None


def test_the_title_names_areas_once():
    assert title(departures(1.0, ["network", "cpu", "network", "memory", "disk"])) == (
        "Network, cpu and memory unlike ever before"
    )


def test_counters_become_rates_and_what_goes_backwards_is_counted():
    times = np.arange(0, 3 * SLOT_MS, 60_000) + 10_000
    used = np.arange(len(times)) * 600.0
    used[9:] -= used[9]
    found = into_slots({1: (times, used), 2: (times, np.ones(len(times)))}, frozenset({1}), SLOT_MS, 3 * SLOT_MS)
    np.testing.assert_allclose(found.values, [[10, 10], [1, 1]])
    assert found.resets.tolist() == [1, 0]
    assert found.at.tolist() == [600, 900]


@pytest.mark.slow
def test_quiet_devices_cost_less_than_one_incident_a_week():
    weeks = [fed(Unusual(), *quiet(seed, 14)) for seed in range(100, 104)]
    assert sum(len(began) for began in weeks) <= 4  # eight device weeks, heavy bursts among them


@pytest.mark.slow
def test_trouble_in_three_areas_is_one_incident():
    values, texts = quiet(7, 10)
    slot = 9 * DAY + 100
    for row, text in texts.items():
        if text.startswith(("cpu", "network", "load")):
            values[row, slot : slot + 12] += 6 * values[row, :slot].max()
    began = [(at, one) for at, one in fed(Unusual(), values, texts) if at >= slot - 2]
    assert len(began) == 1
    assert abs(began[0][0] - slot) <= 1
    assert {one.area for one in began[0][1].series[:3]} <= {"cpu", "network", "load"}


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 50), st.integers(1, 2))
def test_after_a_restart_from_what_was_kept_all_is_the_same(seed, cut):
    values, texts = quiet(seed, 3, series=12)
    values[:6, -20:] *= 8
    one, other = Unusual(), Unusual()
    fed(one, values[:, : cut * DAY], texts)
    kept = {name: column.copy() for name, column in one.dump().items()}
    other.load(kept, json.loads(json.dumps(one.dump_calm())))
    rest = values[:, cut * DAY :]
    assert fed(one, rest, texts, first=cut * DAY) == fed(other, rest, texts, first=cut * DAY)
    assert one.dump_calm() == other.dump_calm()
    for name, column in one.dump().items():
        np.testing.assert_array_equal(column, other.dump()[name])


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 50), st.integers(1, 300))
def test_a_longer_future_never_changes_what_was_said(seed, more):
    values, texts = quiet(seed, 5, series=12)
    cut = 4 * DAY - more
    values[:, cut - 3 :] *= 9
    whole, prefix = fed(Unusual(), values, texts), fed(Unusual(), values[:, :cut], texts)
    assert whole[: len(prefix)] == prefix
    assert all(at >= cut - 3 for at, _ in whole[len(prefix) :])


def test_slots_that_were_seen_or_are_empty_change_nothing():
    values, texts = quiet(1, 1, series=6)
    one = Unusual()
    fed(one, values, texts)
    state = one.dump_calm()
    fed(one, values, texts)
    fed(one, np.full((6, 5), np.nan), texts, first=DAY)
    assert one.dump_calm() == state
