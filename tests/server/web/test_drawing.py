"""What is computed for pages: spans, horizon, chart, diffs, links of a ticket. Pure, with a clock of its own."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sereno_server.reads.fleet import Upcoming
from sereno_server.reads.history import step_ms, thinned
from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.rows import ForecastRow
from sereno_server.reads.running_out import fate
from sereno_server.reads.words import ENGLISH, Words
from sereno_server.store.rates import rate
from sereno_server.web import chart, diffs, units
from sereno_server.web.chart_request import ChartRequest
from sereno_server.web.horizon import horizon, turn_of_day
from sereno_server.web.i18n import translations
from sereno_server.web.series_chart import series_chart

NOW = datetime(2026, 11, 19, 2, 12, 41, tzinfo=UTC)
MADRID = Words("en", ZoneInfo("Europe/Madrid"))


def forecast(hours: float, **more: object) -> ForecastRow:
    full_at = NOW + timedelta(hours=hours)
    values = {
        "id": f"fct_{hours}",
        "device_id": "dev_1",
        "series_id": 1,
        "predictor": "exhaustion",
        "resource": "filesystem",
        "object": "/var",
        "state": "open",
        "made_at": NOW,
        "updated_at": NOW,
        "full_at": full_at,
        "full_at_low": NOW + timedelta(hours=hours * 0.8),
        "full_at_high": NOW + timedelta(hours=hours * 1.3),
        "onset_at": NOW - timedelta(hours=hours),
        "confidence": 0.9,
        "value": 30e9,
        "capacity": 40e9,
        "growth_per_s": 1e6,
    }
    return ForecastRow(**(values | more))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4, "4 s"), (75, "1 min 15 s"), (400, "6 min"), (16_080, "4 h 28 min"), (40_000, "11 h"), (194_400, "2 d 6 h")],
)
def test_a_span_has_its_two_largest_units(seconds, said):
    assert ENGLISH.span(seconds) == said
    assert Words("es", UTC, translations("es")).relative(NOW + timedelta(seconds=seconds), NOW) == f"dentro de {said}"


def test_times_are_said_in_the_readers_zone():
    assert MADRID.clock(NOW, NOW) == "03:12"
    assert MADRID.clock(NOW - timedelta(hours=6), NOW) == "21:12, Wed"
    assert MADRID.clock(NOW + timedelta(days=30), NOW) == "19 Dec, 03:12"


def test_sizes_and_growth_have_readable_units():
    assert ENGLISH.bytes(463_000) == "463\N{NO-BREAK SPACE}kB"
    assert ENGLISH.bytes(1_700_000_000) == "1.7\N{NO-BREAK SPACE}GB"
    assert ENGLISH.growth("filesystem", 472_000, 16_000) == "1.7\N{NO-BREAK SPACE}GB/h"
    assert ENGLISH.growth("folder", 1_000_000, 60) == "1\N{NO-BREAK SPACE}MB/s"
    assert ENGLISH.growth("inodes", 0.1, 30 * 86_400) == "60,480/week"
    assert ENGLISH.growth("memory", 0.0) == "flat"


def test_the_horizon_keeps_order_and_splits_at_the_turn_of_the_day():
    rows = [Upcoming(forecast(h), f"m{h}", None, "soon") for h in (0.5, 4, 11, 54, 200)]
    axis = horizon(rows, NOW, MADRID)
    assert axis.is_night
    assert MADRID.clock(axis.turn_at) == "08:00"
    assert [m.row.device_name for m in axis.first] == ["m0.5", "m4"]
    places = [m.x for m in (*axis.first, *axis.later)]
    assert places == sorted(places)
    assert places[-1] == 100.0
    assert all(b.x - a.x >= 13 for a, b in zip(axis.ticks, axis.ticks[1:], strict=False))
    assert all(0 <= x <= 100 and x + width <= 100.01 for x, width in axis.nights)


def test_minutes_are_not_lost_at_the_edge_of_the_horizon():
    two_minutes = horizon([Upcoming(forecast(2 / 60), "m", None, "soon")], NOW, MADRID)
    assert two_minutes.first[0].x > 8


def test_the_turn_of_the_day_is_evening_by_day():
    is_night, turn = turn_of_day(NOW + timedelta(hours=8), MADRID.zone)
    assert (is_night, MADRID.clock(turn)) == (False, "19:00")


def test_the_range_shows_where_it_began_and_where_it_ends():
    assert chart.best_range(forecast(2 / 60), NOW) == "15m"
    assert chart.best_range(forecast(2), NOW) == "6h"
    assert chart.best_range(forecast(4.5, onset_at=NOW - timedelta(hours=6)), NOW) == "1d"
    assert chart.best_range(None, NOW) == "1d"
    assert chart.best_range(None, NOW, NOW - timedelta(minutes=3)) == "15m"
    assert chart.best_range(None, NOW, NOW - timedelta(days=90)) == "1d"
    window = chart.window("", forecast(2), NOW)
    assert window.start < window.now < window.end
    assert window.end - window.start == pytest.approx(6 * 3_600_000, abs=2)
    then = chart.window("", forecast(2), NOW + timedelta(days=3), until=NOW)
    assert then.end < then.now


def test_a_replaced_word_is_marked_and_headers_are_left_out():
    drawn = diffs.lines("--- a\n+++ b\n@@ -1,2 +1,2 @@\n [logger]\n-level = INFO\n+level = DEBUG\n")
    assert [line.kind for line in drawn] == ["same", "del", "add"]
    assert drawn[1].pieces == (("level = ", False), ("INFO", True))
    assert drawn[2].pieces == (("level = ", False), ("DEBUG", True))


def test_a_removed_line_that_looks_like_a_header_is_shown():
    drawn = diffs.lines("@@ -1 +1 @@\n x\n--- old comment\n+++ new comment\n")
    assert ["".join(text for text, _ in line.pieces) for line in drawn] == ["x", "-- old comment", "++ new comment"]


def test_a_huge_diff_is_bounded():
    assert len(diffs.lines("+x\n" * 10_000)) == diffs.LINES_MAX


def series(name: str, kind: str = "gauge") -> SeriesRow:
    return SeriesRow(1, name, {}, name, kind)


@pytest.mark.parametrize(
    ("name", "kind", "value", "said"),
    [
        ("memory_used_bytes", "gauge", 9.7e9, "9.7\N{NO-BREAK SPACE}GB"),
        ("network_received_bytes", "counter", 1200.0, "1.2\N{NO-BREAK SPACE}kB/s"),
        ("cpu_used_ratio", "gauge", 0.173, "17.3\N{NO-BREAK SPACE}%"),
        ("cpu_seconds", "counter", 0.25, "25\N{NO-BREAK SPACE}%"),
        ("disk_read_seconds", "gauge", 0.0021, "0.0021\N{NO-BREAK SPACE}s"),
        ("uptime_seconds", "gauge", 7260.0, "2 h 1 min"),
        ("load1", "gauge", 0.4567, "0.4567"),
        ("processes", "gauge", 321.0, "321"),
    ],
)
def test_a_value_has_the_unit_of_its_series(name, kind, value, said):
    assert units.amount(series(name, kind), value, ENGLISH) == said


def test_a_counter_is_its_growth_and_a_fall_is_a_reset():
    times, values = rate(np.array([0, 10_000, 20_000, 20_000]), np.array([100.0, 200.0, 30.0, 30.0]))
    assert times.tolist() == [10_000, 20_000]
    assert values.tolist() == [10.0, 3.0]


def test_stretches_keep_the_lowest_and_the_highest():
    times = np.arange(10_000, dtype=np.int64)
    values = np.zeros(10_000)
    values[5_000], values[7_000] = 9.0, -9.0
    thin = thinned(times, values, 100)
    assert thin.times.size == 100
    assert (thin.lowest.min(), thin.highest.max()) == (-9.0, 9.0)
    assert abs(thin.mean).max() == pytest.approx(0.09)
    assert thinned(times[:5], values[:5], 100).times.size == 5


def test_what_is_looked_at_from_afar_or_long_ago_is_read_as_rollups():
    day, minute = 86_400_000, 60_000
    now = 2000 * day
    assert step_ms(now - day, now, 600, now) == 0
    assert step_ms(now - 7 * day, now, 600, now) == 15 * minute
    assert step_ms(now - 30 * day, now, 600, now) == 60 * minute
    assert step_ms(now - 365 * day, now, 600, now) == 15 * 60 * minute
    assert step_ms(now - 60 * day, now - 60 * day + 60 * minute, 600, now) == 5 * minute
    assert step_ms(now - 900 * day, now - 899 * day, 600, now) == 60 * minute


def test_a_picture_is_asked_for_in_points():
    assert ChartRequest().points == 600
    assert [ChartRequest(width=width).points for width in (1, 390, 9999)] == [120, 390, 1500]


def test_no_line_is_drawn_across_a_gap():
    times = np.array([0, 1000, 2000, 60_000, 61_000], np.int64)
    values = np.ones(5)
    frame = chart.Window("", 0, 62_000, 62_000)
    drawn = series_chart(series("load1"), thinned(times, values, 100), frame, changes=[], words=ENGLISH)
    assert drawn["t"] == [0, 1000, 2000, 2001, 60_000, 61_000]
    assert drawn["v"] == [1.0, 1.0, 1.0, None, 1.0, 1.0]


def test_a_series_that_runs_out_is_drawn_with_its_band_its_bound_and_its_onset():
    row = forecast(4, path=tuple((NOW.timestamp() * 1000 + n * 3.6e6, 30e9, 31e9, 32e9) for n in range(5)))
    window = chart.with_room("1d", 86_400, row, NOW)
    assert window.end / 1000 > row.full_at_high.timestamp()
    times = np.array([window.start, window.now], np.int64)
    values = np.array([20e9, 30e9])
    past = thinned(times, values, 100)
    drawn = series_chart(series("filesystem_used_bytes"), past, window, changes=[], words=ENGLISH, forecast=row)
    assert len(drawn["forecast"]) == 5
    assert drawn["low"] < 20e9 < drawn["capacity"] == 40e9 < drawn["high"]
    assert drawn["onset"] == row.onset_at.timestamp() * 1000
    assert drawn["full_at"] == row.full_at.timestamp() * 1000
    without = series_chart(series("load1"), past, window, changes=[], words=ENGLISH)
    assert (without["forecast"], without["onset"], without["full_at"], without["capacity"]) == ([], None, None, 0)


@pytest.mark.parametrize(
    ("resource", "will", "has"),
    [
        ("filesystem", "x full", "x is full"),
        ("certificate", "Certificate x expires", "Certificate x has expired"),
        ("battery", "Battery x empty", "Battery x is empty"),
        ("disk_wear", "Wear of disk x at its end", "Wear of disk x has reached its end"),
    ],
)
def test_what_becomes_of_a_thing_is_said_by_its_nature(resource, will, has):
    assert (fate(resource, "x", ENGLISH), fate(resource, "x", ENGLISH, over=True)) == (will, has)


def test_a_stretch_is_kept_within_what_there_is():
    whole = chart.Window("1h", 1_000_000, 4_600_000, 4_500_000)
    assert chart.zoomed(2_000_000, 3_000_000, 500_000, whole) == chart.Window("", 2_000_000, 3_000_000, 4_500_000)
    assert chart.zoomed(0, 1_000_000, 500_000, whole).start == 500_000
    assert chart.zoomed(9_000_000, 9_500_000, 500_000, whole).end == 4_600_000
    assert chart.zoomed(2_000_000, 2_000_001, 500_000, whole).end == 2_060_000
    shown = chart.zoomed(0, 1 << 52, 500_000, whole)
    assert (shown.start, shown.end) == (500_000, 4_600_000)
