"""What can run out: each use pairs with its limit, and the slowest of them all, a certificate, is foreseen in time."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.server.prediction.replay import replay

from sereno_server.prediction.resources import KINDS, bounded

DAY_S = 86_400.0


@dataclass(frozen=True)
class Series:
    id: int
    name: str
    labels: dict[str, str] = field(default_factory=dict)


def test_a_use_without_its_own_limit_is_not_bounded():
    series = [
        Series(1, "file_descriptors_used"),
        Series(2, "file_descriptors_limit"),
        Series(3, "conntrack_used"),
        Series(4, "certificate_grace_used_seconds", {"certificate": "site"}),
        Series(5, "certificate_grace_seconds", {"certificate": "site"}),
        Series(6, "container_memory_used_bytes", {"container": "free"}),
        Series(7, "container_memory_limit_bytes", {"container": "bounded"}),
    ]
    found = [(one.resource, one.object, one.series_id, one.capacity_series_id) for one in bounded(series)]
    assert found == [("file_descriptors", "", 1, 2), ("certificate", "site", 4, 5)]


def test_no_series_is_bounded_in_two_ways():
    for names in ([kind.resource for kind in KINDS], [kind.used for kind in KINDS]):
        assert max(Counter(names).values()) == 1


@pytest.mark.slow
def test_a_certificate_that_nobody_renews_is_announced_for_the_moment_it_ends():
    grace, ends, step = 21 * DAY_S, 30 * DAY_S, 1800.0
    at = np.arange(0, 29 * DAY_S, step)
    said = replay(np.clip(grace - (ends - at), 0, grace), step_s=step, capacity=grace)
    announced = np.flatnonzero(np.isfinite(said.full_at))
    assert at[announced[0]] < ends - 14 * DAY_S
    assert np.abs(said.full_at[announced] - ends).max() < DAY_S


@pytest.mark.slow
def test_a_certificate_that_is_renewed_in_its_grace_each_time_is_not_announced_before():
    life, grace, step = 90 * DAY_S, 18 * DAY_S, 7200.0
    at = np.arange(0, 3 * life, step)
    left = 30 * DAY_S + (life - 30 * DAY_S) * (1 - (at % (life - 30 * DAY_S)) / (life - 30 * DAY_S))
    said = replay(np.clip(grace - left, 0, grace), step_s=step, capacity=grace)
    assert not np.isfinite(said.full_at).any()
