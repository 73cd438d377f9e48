from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from sereno_server.prediction.cause import rank

ONSET = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    id: str
    kind: str
    at: datetime


def change(seconds_before, kind="file", name=None):
    return Change(name or f"chg_{seconds_before}", kind, ONSET - timedelta(seconds=seconds_before))


def test_the_change_just_before_the_onset_comes_first():
    found = rank(ONSET, [change(4000), change(3), change(90_000)], ONSET + timedelta(seconds=40))
    assert [cause.change_id for cause in found] == ["chg_3"]
    assert found[0].why == "changed 3 s before it began"


def test_a_slow_growth_looks_back_further():
    found = rank(ONSET, [change(3600)], ONSET + timedelta(days=2))
    assert found[0].change_id == "chg_3600"
    assert found[0].why == "changed 1 h 0 min before it began"


def test_nothing_is_named_when_nothing_fits():
    assert rank(ONSET, [], ONSET + timedelta(hours=1)) == []
    assert rank(ONSET, [change(86_400)], ONSET + timedelta(minutes=5)) == []
    assert rank(ONSET, [change(-1800)], ONSET + timedelta(hours=1)) == []


@pytest.mark.slow
def test_a_device_that_changes_all_the_time_has_no_cause_by_coincidence():
    busy = [change(300 + 600 * k) for k in range(1000)]
    assert rank(ONSET, busy, ONSET + timedelta(hours=6)) == []


def test_a_change_noticed_a_little_after_the_onset_still_counts():
    found = rank(ONSET, [change(-5)], ONSET + timedelta(seconds=60))
    assert found[0].why == "changed as it began"


def test_seeded_incidents_name_the_true_cause_and_nothing_where_there_is_none():
    random, right, silent = Random(7), 0, 0
    for _ in range(200):
        lasted = timedelta(seconds=10 ** random.uniform(1.7, 5))
        noise = [change(random.uniform(0, 7 * 86_400), random.choice(["file", "package", "user"])) for _ in range(8)]
        true = change(random.uniform(0, 0.2) * lasted.total_seconds() + 2, name="true")
        found = rank(ONSET, [*noise, true], ONSET + lasted)
        right += bool(found) and found[0].change_id == "true"
        silent += not rank(ONSET, noise, ONSET + lasted)
    assert right >= 160
    assert silent >= 160


def test_a_package_outranks_the_port_that_it_opened():
    found = rank(ONSET, [change(20, "port", "port"), change(25, "package", "package")], ONSET + timedelta(minutes=30))
    assert [cause.change_id for cause in found] == ["package", "port"]


def test_a_service_that_failed_and_a_cron_entry_are_causes():
    for kind in ("service", "cron", "tree", "sysctl", "mount", "unit", "environment"):
        assert rank(ONSET, [change(30, kind)], ONSET + timedelta(hours=1))[0].weight > 0.8


@pytest.mark.slow
def test_ports_that_come_and_go_do_not_hide_an_edited_file():
    noise = [change(300 + 600 * k, "port") for k in range(1000)]
    found = rank(ONSET, [*noise, change(30, name="edit")], ONSET + timedelta(hours=6))
    assert found[0].change_id == "edit"
