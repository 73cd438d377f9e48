"""A device beside its siblings: what differs is said; what all do, what always was and what is brief is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno_server.prediction.likeness import SIBLINGS_MAX, Kin, siblings, sign
from sereno_server.prediction.siblings import LASTS_SLOTS, LEARN_SLOTS, RECENT, Siblings

DEVICES = 10
ROWS = np.arange(DEVICES)
OTHERS = np.array([[other for other in range(DEVICES) if other != row] for row in ROWS], np.int32)
NOT_QUIET = np.zeros(DEVICES, bool)


def fleet(seed, slots):
    """One series of ten devices: a daily wave and a busy week in common, a size and noise of their own."""
    random = np.random.default_rng(seed)
    at = np.arange(slots)
    common = 10 + 3 * np.sin(2 * np.pi * at / 288) + np.cumsum(random.normal(0, 0.02, slots))
    own = random.uniform(0.8, 1.25, DEVICES)
    return (common[:, None] * own + random.normal(0, 0.3, (slots, DEVICES))).astype(float)


def said(values, quiet=None, engine=None, first=0):
    """What is said in each slot: {slot: [differences]}."""
    engine = engine or Siblings(DEVICES)
    found = {}
    for slot, row in enumerate(values, first):
        engine.observe(ROWS, np.full(DEVICES, slot, np.int32), row)
        different = engine.compare(ROWS, OTHERS, slot, NOT_QUIET if quiet is None else quiet)
        if different:
            found[slot] = different
    return found


DAYS = 6 * 288
BEGINS = 5 * 288


@pytest.mark.slow
def test_a_device_that_leaves_its_siblings_is_told_after_an_hour_and_no_longer_when_it_is_back():
    values = fleet(1, DAYS)
    values[BEGINS : BEGINS + 60, 3] += 40
    found = said(values)
    assert {one.row for differences in found.values() for one in differences} == {3}
    assert BEGINS + LASTS_SLOTS <= min(found) <= BEGINS + LASTS_SLOTS + RECENT
    assert max(found) <= BEGINS + 60 + RECENT
    (one,) = found[BEGINS + 30]
    assert one.since <= BEGINS + RECENT
    assert one.value > 1.5 * one.usual
    assert one.siblings == DEVICES - 1


@pytest.mark.slow
def test_what_all_do_together_what_always_was_and_what_is_brief_is_no_difference():
    values = fleet(2, DAYS)
    values[BEGINS:, :] *= 5  # a backup, a busy day, a roll-out
    values[:, 4] *= 3  # it has always been so
    values[BEGINS + 100 : BEGINS + 106, 6] += 500  # half an hour
    values[BEGINS + 150 :, 7] = np.nan  # it is off
    assert said(values) == {}


@pytest.mark.slow
def test_when_many_leave_together_the_group_is_none_and_no_storm_comes():
    values = fleet(3, DAYS)
    values[BEGINS:, :4] += 60
    assert said(values) == {}


@pytest.mark.slow
def test_a_held_device_is_left_alone():
    values = fleet(4, DAYS)
    values[BEGINS:, 3] += 40
    quiet = NOT_QUIET.copy()
    quiet[3] = True
    assert said(values, quiet) == {}


@pytest.mark.slow
def test_quiet_weeks_of_a_fleet_say_nothing():
    """Four series of ten devices: five weeks and more of device days of which three in eight are listened to."""
    assert sum(len(said(fleet(seed, 8 * 288))) for seed in range(5, 9)) == 0


@settings(max_examples=10)
@given(st.floats(1e-6, 1e9), st.integers(0, 5))
def test_the_size_of_the_unit_does_not_matter(factor, seed):
    values = fleet(seed, 40)
    values[20:, 2] += 40
    engines = [Siblings(DEVICES), Siblings(DEVICES)]
    for engine, scale in zip(engines, (1.0, factor), strict=True):
        engine.seen[:] = LEARN_SLOTS
        found = said(values * scale, engine=engine)
        assert set(found) == set(range(min(found), max(found) + 1))
        engine.told = [[one.row for one in found[slot]] for slot in sorted(found)]
    assert engines[0].told == engines[1].told


@settings(max_examples=10)
@given(st.permutations(range(DEVICES - 1)), st.integers(0, 5))
def test_the_order_of_the_siblings_does_not_matter(order, seed):
    values = fleet(seed, 40)
    values[20:, 2] += 40
    plain, shuffled = Siblings(DEVICES), Siblings(DEVICES)
    plain.seen[:] = shuffled.seen[:] = LEARN_SLOTS
    for slot, row in enumerate(values):
        for engine in (plain, shuffled):
            engine.observe(ROWS, np.full(DEVICES, slot, np.int32), row)
        assert plain.compare(ROWS, OTHERS, slot, NOT_QUIET) == shuffled.compare(
            ROWS, OTHERS[:, list(order)], slot, NOT_QUIET
        )


@settings(max_examples=10)
@given(st.integers(1, 39), st.integers(0, 5))
def test_the_answers_are_the_same_after_a_restart(cut, seed):
    values = fleet(seed, 40)
    values[10:, 2] += 40
    values[15, 3] = np.inf
    whole, first = Siblings(DEVICES), Siblings(DEVICES)
    whole.seen[:] = first.seen[:] = LEARN_SLOTS
    expected = said(values, engine=whole)
    found = said(values[:cut], engine=first)
    second = Siblings(DEVICES)
    second.load(first.dump())
    found |= said(values[cut:], engine=second, first=cut)
    assert found == expected


def test_siblings_have_most_of_their_things_in_common():
    def kin(name, things, organisation="org_a", platform="linux", site=""):
        return Kin(organisation, name, platform, site, sign(things))

    system = [f"package.{number}" for number in range(100)]
    served, kept = ([f"{role} {thing}" for thing in range(150)] for role in ("nginx", "postgresql"))
    web = [kin(f"web-{number}", [*system, *served, str(number)]) for number in range(6)]
    database = [kin(f"db-{number}", [*system, *kept]) for number in range(6)]
    strangers = [
        kin("other", [*system, *served], organisation="org_b"),
        kin("windows", [*system, *served], platform="windows"),
        kin("lonely", ["printer"]),
    ]
    found = siblings([*web, *database, *strangers])
    assert set(found["web-1"]) == {kin.device_id for kin in web} - {"web-1"}
    assert set(found["db-1"]) == {kin.device_id for kin in database} - {"db-1"}
    assert not {"other", "windows", "lonely"} & set(found)


def test_of_many_equals_those_of_the_same_site_come_first():
    many = [Kin("org_a", f"d{number}", "linux", f"site-{number % 2}", sign("abc")) for number in range(60)]
    found = siblings(many)
    assert len(found["d1"]) == SIBLINGS_MAX
    assert all(int(name[1:]) % 2 == 1 for name in found["d1"])
