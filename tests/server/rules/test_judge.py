"""What a rule makes of samples: laws for every rule, and the shapes that fool others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_server.rules import judge
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.judge import Memory
from sereno_server.rules.rule import Beyond, Elsewhere, Falls, Rise, Share

START_MS = 1_767_225_600_000
MEASURED = [rule for rule in RULES.values() if not isinstance(rule.measure, Elsewhere)]


class Series:
    """One series under one rule, fed step by step; `is_open` as the watch would have it."""

    def __init__(self, rule):
        self.rule, self.memory, self.is_open = rule, Memory(), False
        self.at_ms, self.value = START_MS, 0.0
        self.opened = 0

    def feed(self, values, every_s=None, partner=None):
        for value in values:
            self.at_ms += int((every_s or self.rule.every_s) * 1000)
            self.take(self.at_ms, value, partner)
        return self

    def take(self, at_ms, value, partner=None):
        column = (np.array([at_ms]), np.array([float(value)]))
        other = None if partner is None else (np.array([at_ms]), np.array([float(partner)]))
        judge.feed(self.rule, self.memory, column, other, is_open=self.is_open)
        if not self.is_open and judge.holds(self.rule, self.memory):
            self.is_open, self.opened = True, self.opened + 1
        elif self.is_open and judge.is_over(self.rule, self.memory):
            self.is_open = False


def figures(rule):
    """(a value in order, one that is wrong, the other series' value)."""
    step = -0.01 if rule.falling else 0.01
    wrong, good = rule.limit + step, rule.clear - 30 * step
    if isinstance(rule.measure, Beyond):
        return 50 + good, 50 + wrong, 50
    if isinstance(rule.measure, Share):
        return 200 * good, 200 * wrong, 200
    return good, wrong, None


def worst(rule, series, steps):
    """Goes wrong for so many steps, as this rule's series does."""
    _, wrong, partner = figures(rule)
    if isinstance(rule.measure, Falls):
        return series.feed([500.0, 20.0] * 10)
    if isinstance(rule.measure, Rise):
        each = rule.limit / 5 + 1
        return series.feed([series.value + each * (n + 1) for n in range(8)])
    return series.feed([wrong] * steps, partner=partner)


def well(rule, series, steps):
    good, _, partner = figures(rule)
    if isinstance(rule.measure, Falls):
        return series.feed(1000.0 * (n + 1) for n in range(steps))
    if isinstance(rule.measure, Rise):
        return series.feed([series.value] * steps)
    return series.feed([good] * steps, partner=partner)


def steps(rule):
    return int(max(rule.hold_s, rule.clear_s) / rule.every_s) + 3


@pytest.mark.parametrize("rule", MEASURED, ids=lambda rule: rule.name)
def test_what_is_in_order_never_holds_what_is_wrong_holds_once_and_ends(rule):
    series = well(rule, Series(rule), 50)
    assert series.opened == 0
    worst(rule, series, steps(rule))
    assert (series.opened, series.is_open) == (1, True)
    series.value = series.memory.value
    if isinstance(rule.measure, Rise | Falls):
        series.at_ms += int(rule.measure.within_s * 1000)
    well(rule, series, steps(rule) + 2)
    assert not series.is_open
    assert series.opened == 1


@pytest.mark.parametrize("rule", [rule for rule in MEASURED if rule.hold_s], ids=lambda rule: rule.name)
def test_what_is_wrong_for_a_moment_only_does_not_hold_nor_does_a_clock_that_jumps(rule):
    good, wrong, partner = figures(rule)
    series = well(rule, Series(rule), 5)
    series.feed([wrong], partner=partner).feed([good], partner=partner)
    series.at_ms += 400 * 86_400_000  # the clock jumps by more than a year between two wrong samples
    if rule.hold_s > judge.STEPS_CAPPED * rule.every_s:
        series.feed([wrong], partner=partner)
        series.at_ms += 400 * 86_400_000
        series.feed([wrong], partner=partner)
    assert series.opened == 0


@pytest.mark.parametrize("rule", MEASURED, ids=lambda rule: rule.name)
@given(stray=st.lists(st.sampled_from([float("nan"), float("inf"), float("-inf")]), max_size=4), ago=st.integers(0, 9))
def test_nan_and_samples_that_come_again_or_late_change_nothing(rule, stray, ago):
    series = well(rule, Series(rule), 10)
    before = series.memory.dump()
    _, wrong, partner = figures(rule)
    for value in stray:
        series.take(series.at_ms + 1000, value, partner)
    series.take(series.at_ms - int(ago * rule.every_s * 1000), wrong, partner)
    assert series.memory.dump() == before


@pytest.mark.parametrize("rule", [rule for rule in MEASURED if isinstance(rule.measure, Rise)], ids=lambda r: r.name)
def test_a_counter_that_starts_anew_or_is_first_seen_high_has_not_risen(rule):
    series = Series(rule).feed([1e6, 1e6, 0.0, 0.0, 5e-7])
    assert series.opened == 0


def test_a_file_system_that_was_always_read_only_is_meant_to_be_so():
    rule = RULES["filesystem_readonly"]
    assert Series(rule).feed([1] * 40).opened == 0
    assert Series(rule).feed([0] * 4 + [1] * 40).opened == 1


def test_one_restart_is_no_loop_and_three_are():
    rule = RULES["reboot_loop"]
    once = Series(rule).feed([*range(0, 600, 60), *range(0, 6000, 60)])
    assert once.opened == 0
    assert Series(rule).feed([*range(0, 300, 60)] * 4).opened == 1


def test_what_is_not_measured_any_more_while_the_device_goes_on_is_absent():
    rule = RULES["service_failed"]
    series = Series(rule).feed([1] * 10)
    assert series.is_open
    assert not judge.is_absent(rule, series.memory, series.at_ms + 120_000)
    assert judge.is_absent(rule, series.memory, series.at_ms + 240_000)


def test_memory_goes_through_a_checkpoint():
    series = Series(RULES["memory_errors_corrected"]).feed([0, 5, 9, 9])
    assert Memory.load(series.memory.dump()) == series.memory
