"""The score of a device never falls because something got worse, and never hides its worst part."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from tests.server.prediction.test_muting import DEV, ORG, START, begin, forecast

from sereno_server.prediction import degradation
from sereno_server.prediction.degradation import Part
from sereno_server.prediction.degradation_watch import EVERY, MEASURE_EVERY, DegradationWatch
from sereno_server.prediction.rows import save
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import alerts, degradation_days, degradations, forecasts, organisation_days

points = st.floats(0, 100)
many = st.lists(points, max_size=30)


@given(many)
def test_the_score_is_bounded_and_never_below_its_worst_part(parts):
    score = degradation.combined(parts)
    worst = max(parts, default=0.0)
    assert worst - 1e-9 <= score <= worst + (100 - worst) / 2 + 1e-9


@given(many, st.data())
def test_what_gets_worse_never_lowers_the_score(parts, data):
    before = degradation.combined(parts)
    assert degradation.combined([*parts, data.draw(points)]) >= before - 1e-9
    if parts:
        place = data.draw(st.integers(0, len(parts) - 1))
        worse = [*parts[:place], data.draw(st.floats(parts[place], 100)), *parts[place + 1 :]]
        assert degradation.combined(worse) >= before - 1e-9


@given(many, st.randoms())
def test_the_order_of_the_parts_does_not_matter(parts, chance):
    shuffled = list(parts)
    chance.shuffle(shuffled)
    assert degradation.combined(shuffled) == pytest.approx(degradation.combined(parts))


amounts = st.floats(0, 1e9)


@given(amounts, amounts, st.floats(0, 1), st.floats(0, 1))
def test_each_part_grows_with_its_trouble_and_stays_within_100(one, other, sure, surer):
    low, high = sorted((one, other))
    sure, surer = sorted((sure, surer))
    grown = [
        (degradation.runs_out(high, sure, full=False), degradation.runs_out(low, surer, full=False)),
        (degradation.runs_out(low, surer, full=False), degradation.runs_out(None, sure, full=True)),
        (degradation.runs_out(None, sure, full=False), degradation.runs_out(low, sure, full=False)),
        *((f(low), f(high)) for f in (degradation.unusual, degradation.services_failed, degradation.restarts)),
        (degradation.security_updates(low, low), degradation.security_updates(high, high)),
        (degradation.reboot_required(low), degradation.reboot_required(high)),
        (degradation.errors_logged(low, high), degradation.errors_logged(high, low)),
    ]
    assert all(0 <= less <= more + 1e-9 <= 100 for less, more in grown)


def test_one_thing_counts_once_and_an_average_would_have_hidden_it():
    parts = [Part("forecast", "x", 85), Part("alert", "x", 50), *(Part("device", str(n), 0) for n in range(99))]
    assert degradation.score(parts) == 85
    assert [part.kind for part in degradation.counted(parts)] == ["forecast"]


async def rows(store, table):
    async with store.transaction(Scope(ORG)) as tx:
        return [dict(row) for row in (await tx.execute(select(table))).mappings()]


async def measured(store, name, at, values):
    async with store.transaction(Scope(ORG)) as tx:
        key = SeriesKey(name)
        named = await samples.name_series(tx, ORG, DEV, [key])
        times = np.array([int(at.timestamp() * 1000) - 60_000 * n for n in reversed(range(len(values)))])
        matrix = Matrix((named[key],), times, np.array(values, float)[:, None])
        await samples.append(tx, [samples.batch(ORG, DEV, name.encode()[:16].ljust(16), 1, [matrix])])


@pytest.mark.slow
def test_a_device_is_scored_kept_by_the_day_and_heals(store):
    moment = [datetime(2026, 3, 10, 12, tzinfo=UTC)]

    async def story():
        await begin(store)
        await measured(store, "services_failed", moment[0], [0, 1])
        await measured(store, "updates_security_pending", moment[0], [4, 4])
        async with store.transaction(Scope(ORG)) as tx:
            await save(tx, [forecast(9, None, state="open")])
        watch = DegradationWatch(store, lambda: moment[0], 60.0)
        await watch.start()
        await watch.once([(ORG, DEV)])
        (now,) = await rows(store, degradations)
        assert [part["kind"] for part in now["parts"]] == ["forecast", "services_failed", "updates_security_pending"]
        assert now["score"] > now["parts"][0]["points"] >= 70  # its time has passed: it is due any moment
        (organisation,) = await rows(store, organisation_days)
        assert organisation["worst"] == now["score"]
        assert organisation["parts"][0]["figures"] == {"name": "web-1"}

        restarted = DegradationWatch(store, lambda: moment[0], 60.0)  # its memory is in the database
        await restarted.start()
        async with store.transaction(Scope(ORG)) as tx:
            await tx.execute(update(forecasts).values(state="closed"))
        moment[0] += EVERY
        await restarted.once([])
        (healed,) = await rows(store, degradations)
        assert [part["kind"] for part in healed["parts"]] == ["services_failed", "updates_security_pending"]
        assert [part["since"] for part in healed["parts"]] == [part["since"] for part in now["parts"][1:]]
        (day,) = await rows(store, degradation_days)
        assert (day["worst"], day["last"]) == (now["score"], healed["score"])
        assert len(day["parts"]) == 3

        moment[0] += timedelta(days=1, hours=3)  # nothing was measured of late
        await restarted.once([(ORG, DEV)])
        assert [row["score"] for row in await rows(store, degradations)] == [0]
        assert [row["last"] for row in await rows(store, degradation_days)] == [healed["score"], 0]
        assert {row["worst"] for row in await rows(store, organisation_days)} == {now["score"], 0}

    asyncio.run(story())


@pytest.mark.slow
def test_a_muted_forecast_does_not_count_and_alerts_do_and_another_organisation_sees_nothing(store):
    moment = [START + timedelta(days=9)]

    async def story():
        from tests.server.prediction.test_muting import score

        await begin(store)
        await score(store, [*(forecast(number, "miss") for number in range(4)), forecast(8, None, state="open")])
        row = {"organisation_id": ORG, "device_id": DEV, "kind": "silent", "object": "", "severity": "soon"}
        row |= {"id": "alr_1", "fingerprint": f"silent:{DEV}::", "title": "Device web-1 is silent", "figures": {}}
        failed = row | {"id": "alr_2", "fingerprint": f"service_failed:{DEV}:service:nginx", "kind": "service_failed"}
        async with store.transaction(Scope(ORG)) as tx:
            for one in (row, failed):
                await tx.execute(insert(alerts).values(**one, state="firing", opened_at=moment[0], last_at=moment[0]))
        await measured(store, "services_failed", moment[0], [2])  # the same trouble: counts once, by the larger
        watch = DegradationWatch(store, lambda: moment[0], 60.0)
        await watch.start()
        await watch.once([(ORG, DEV)])
        (now,) = await rows(store, degradations)
        assert [(part["about"], part["points"]) for part in now["parts"]] == [
            ("services_failed", 50.0),
            (f"silent:{DEV}::", 50.0),
        ]
        async with store.transaction(Scope("org_b")) as tx:
            assert (await tx.execute(select(degradations))).all() == []
            await tx.execute(delete(degradation_days))
        assert await rows(store, degradation_days)
        assert MEASURE_EVERY > EVERY

    asyncio.run(story())
