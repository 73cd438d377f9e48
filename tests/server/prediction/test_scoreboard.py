from datetime import UTC, datetime, timedelta

import pytest

from sereno_server.prediction.scoreboard import at_close, record, while_open

MADE = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FULL = MADE + 10 * HOUR


def test_full_while_open_is_a_hit_with_its_lead():
    outcome = while_open(MADE, FULL, 1.0, MADE + 8 * HOUR)
    assert (outcome.outcome, outcome.lead_s) == ("hit", 8 * 3600)


def test_not_full_after_twice_the_time_is_a_miss():
    assert while_open(MADE, FULL, 0.9, MADE + 19 * HOUR) is None
    assert while_open(MADE, FULL, 0.9, MADE + 20 * HOUR).outcome == "miss"


@pytest.mark.parametrize(
    ("run", "hours", "outcome"),
    [("disk.free_space", 3, "prevented"), (None, 3, "withdrawn"), (None, 6, "miss"), (None, 30, "miss")],
)
def test_what_closes_is_marked(run, hours, outcome):
    assert at_close(MADE, FULL, run, MADE + hours * HOUR).outcome == outcome


def test_prevented_and_withdrawn_do_not_count_in_the_precision():
    counted = record(["hit", "hit", "miss", "prevented", "withdrawn"])
    assert counted.precision == pytest.approx(2 / 3)
    assert not counted.muted
    assert record([]).precision is None
    assert record(["miss"] * 4).muted
