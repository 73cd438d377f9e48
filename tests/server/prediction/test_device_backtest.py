"""The stored days of a device through the production code: what it would have said, and what came of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from sqlalchemy import insert
from tests.server.prediction.test_muting import DEV, ORG, begin

from sereno_proto.errors import BadInput
from sereno_server.prediction.device_backtest import backtest_device
from sereno_server.prediction.device_replay import DeviceReplay, Named, Ran
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import alerts, runs

pytestmark = pytest.mark.slow
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 8
FILLS, FAILS = 5.0, 6.0  # days from the start: the disk begins to fill, nginx has failed
STEP_S = 300
HOURS = 20.0  # that it takes to fill
DAY_MS = 86_400_000
NAMED = [
    Named(1, "filesystem_used_bytes", {"mount": "/var"}, 'filesystem_used_bytes{mount="/var"}', "gauge"),
    Named(2, "filesystem_size_bytes", {"mount": "/var"}, 'filesystem_size_bytes{mount="/var"}', "gauge"),
    Named(3, "service_failed", {"service": "nginx"}, 'service_failed{service="nginx"}', "gauge"),
]


def used():
    """Days of a quiet disk, which then fills within hours; days from the start, and its share."""
    day = np.arange(DAYS * 86_400 // STEP_S) * STEP_S / 86_400
    quiet = 40 + np.sin(day * 2 * np.pi) + np.random.default_rng(3).normal(0, 0.2, len(day))
    return day, np.minimum(quiet + np.clip((day - FILLS) * 24 / HOURS * 60, 0, 60), 100.0)


def columns(values, day):
    times = (START.timestamp() * 1000 + day * 86_400_000).astype(np.int64)
    return {1: (times, values), 2: (times, np.full(len(times), 100.0)), 3: (times, np.where(day > FAILS, 2.0, 0.0))}


@cache
def replayed(until_day):
    day, values = used()
    keep = day < until_day
    replay = DeviceReplay((ORG, DEV), NAMED, (), 300.0)
    begin_ms = int(START.timestamp() * 1000)
    for number in range(int(until_day)):
        replay.take_in(
            columns(values[keep], day[keep]), begin_ms + number * 86_400_000, begin_ms + (number + 1) * 86_400_000
        )
    return replay.end(START + timedelta(days=until_day))


def test_a_fill_is_forecast_ahead_scored_as_a_hit_and_a_rule_says_what_failed():
    said = replayed(DAYS)
    (forecast,) = [one for one in said if one.kind == "forecast"]
    full = START + timedelta(days=FILLS, hours=HOURS)
    assert (forecast.outcome, forecast.object) == ("hit", "/var")
    assert timedelta(hours=4) < full - forecast.at < timedelta(hours=20)
    assert forecast.lead_s == pytest.approx((full - forecast.at).total_seconds(), abs=7200)
    assert forecast.full_at_low < forecast.full_at < forecast.full_at_high
    assert forecast.path
    (rule,) = [one for one in said if one.kind == "rule"]
    assert "nginx" in rule.title
    assert timedelta(0) <= rule.at - (START + timedelta(days=FAILS)) < timedelta(minutes=30)


def test_what_comes_later_changes_nothing_that_was_said_before():
    early, late = replayed(int(FAILS)), replayed(DAYS)
    horizon = START + timedelta(days=FAILS)
    told = [
        [(one.kind, one.at, one.full_at, one.confidence) for one in said if one.at <= horizon] for said in (early, late)
    ]
    assert told[0] == told[1] != []


def test_a_run_that_succeeds_prevents():
    day, values = used()
    values = np.where(day > FILLS + 0.6, 40.0, values)
    fixed = START + timedelta(days=FILLS + 0.6)
    replay = DeviceReplay((ORG, DEV), NAMED, [Ran("disk.free_space", fixed - timedelta(minutes=5), fixed, True)], 300.0)
    begin_ms = int(START.timestamp() * 1000)
    replay.take_in(columns(values, day), begin_ms, begin_ms + DAYS * DAY_MS)
    said = [one for one in replay.end(START + timedelta(days=DAYS)) if one.kind == "forecast"]
    assert [one.outcome for one in said] == ["prevented"]
    assert said[0].why == "disk.free_space succeeded"


def test_the_stored_history_of_a_device_is_replayed_with_progress_and_bounds(store):
    async def story():
        await begin(store)
        day, values = used()
        async with store.transaction(Scope(ORG)) as tx:
            keys = [SeriesKey(one.name, tuple(one.labels.items())) for one in NAMED]
            ids = await samples.name_series(tx, ORG, DEV, keys)
            times, _ = columns(values, day)[1]
            table = np.column_stack([column for _, column in columns(values, day).values()])
            for number, part in enumerate(np.array_split(np.arange(len(times)), DAYS * 4)):
                matrix = Matrix(tuple(ids[key] for key in keys), times[part], table[part])
                await samples.append(tx, [samples.batch(ORG, DEV, b"e" * 16, number, [matrix])])
            row = {"organisation_id": ORG, "id": "alr_1", "fingerprint": "f", "device_id": DEV, "kind": "silent"}
            row |= {"object": "", "severity": "soon", "title": "Device web-1 is silent", "state": "resolved"}
            at = START + timedelta(days=DAYS - 1)
            await tx.execute(insert(alerts).values(**row, opened_at=at, last_at=at, figures={}))
            run = {"organisation_id": ORG, "id": "run_1", "device_id": DEV, "playbook": "p", "requester": "noa"}
            run |= {"state": "failed", "steps": []}
            await tx.execute(insert(runs).values(**run, created_at=at, finished_at=at))
        shares = []
        begun, ended = START + timedelta(days=FILLS - 1), START + timedelta(days=DAYS)
        report = await backtest_device(store, (ORG, DEV), begun, ended, shares.append)
        assert report.count("forecast", "hit") == 1
        assert report.false_days == 0
        assert [(one.kind, one.title) for one in report.happened] == [("alert", "Device web-1 is silent"), ("run", "p")]
        (drawing,) = report.drawings
        assert (drawing.object, drawing.capacity, max(drawing.values)) == ("/var", 100.0, 100.0)
        assert len(drawing.times) <= 700
        assert report.samples == 4 * 288 * 3
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        for first, last in [(ended, begun), (START - timedelta(days=99), ended), (START - timedelta(days=9), START)]:
            with pytest.raises(BadInput) as refused:
                await backtest_device(store, (ORG, DEV), first, last)
            assert refused.value.code == "E_BACKTEST_RANGE"
        with pytest.raises(BadInput):
            await backtest_device(store, ("org_b", DEV), begun, ended)

    asyncio.run(story())
