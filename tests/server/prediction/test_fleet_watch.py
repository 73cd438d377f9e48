"""Siblings and causes of anomalies against a real database: who is compared with whom, the rows, the page."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select
from tests.server.prediction.test_incident_watch import DEV, ORG, troubled

from sereno_server.prediction.fleet_watch import FleetWatch
from sereno_server.prediction.siblings import LEARN_SLOTS
from sereno_server.prediction.slots import SLOT_MS, Slots
from sereno_server.prediction.unusual import Fresh
from sereno_server.reads.apart import apart
from sereno_server.store import samples
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import changes, devices, differences, organisations

pytestmark = pytest.mark.slow
START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = [f"web-{number}" for number in range(6)]
SERIES = ("memory_used_bytes", "uptime_seconds", "cpu_used_ratio")


async def joined(store):
    """Six devices of one kind and one of another platform, three series each. Gives the ids of the series."""
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[]))
        for name in [*NAMES, "printer"]:
            row = {"id": f"dev_{name}", "name": name, "platform": "linux" if name in NAMES else "other"}
            await tx.execute(insert(devices).values(organisation_id=ORG, identity_key=b"", agent_version="0", **row))
        named = {
            name: await samples.name_series(tx, ORG, f"dev_{name}", [SeriesKey(one) for one in SERIES])
            for name in [*NAMES, "printer"]
        }
    return {name: [named[name][SeriesKey(one)] for one in SERIES] for name in named}


def slots_of(ids, slot, values, resets=0):
    at = np.array([(slot + 1) * SLOT_MS / 1000])
    texts = dict(zip(ids, SERIES, strict=True))
    return lambda name: Fresh(
        (ORG, f"dev_{name}"), Slots(ids, at, np.array(values)[:, None], np.array([resets], np.int32)), texts
    )


def test_a_device_that_differs_has_rows_with_its_siblings_until_it_differs_no_more(store):
    async def story():
        ids, moment = await joined(store), [START]
        watch = FleetWatch(store, lambda: moment[0])
        texts = {(ORG, f"dev_{name}"): SERIES for name in ids}
        first = int(START.timestamp() * 1000) // SLOT_MS
        told = []
        for number in range(60):
            wild = 8e9 if 5 <= number < 40 else 0.0
            fresh = []
            for place, name in enumerate(ids):
                used = 4e9 + 1e8 * place + (wild if name == "web-2" else 0.0)
                values = [used, 300.0 * number + 1e6 * place**3, 0.1 + 0.01 * place]
                fresh.append(slots_of(ids[name], first + number, values)(name))
            watch.feed(fresh)
            watch.fleet.engine.seen[:] = LEARN_SLOTS
            moment[0] += timedelta(milliseconds=SLOT_MS)
            await watch.once(texts)
            async with store.transaction(Scope(ORG)) as tx:
                told.append([row.device_id for row in await tx.execute(select(differences))])
                if number == 30:
                    view = await apart(tx, "dev_web-2")
        return told, view

    told, view = asyncio.run(story())
    assert {name for names in told for name in names} == {"dev_web-2"}
    assert not any(told[:16])
    assert told[30] == ["dev_web-2"]
    assert not any(told[44:])
    (one,) = view.differences
    assert (one.series.name, one.siblings, set(one.among)) == ("memory_used_bytes", 5, set(NAMES) - {"web-2"})
    assert one.value > 2 * one.usual
    assert one.since <= START + timedelta(milliseconds=9 * SLOT_MS)


def test_a_device_that_was_started_anew_is_left_alone(store):
    async def story():
        ids, moment = await joined(store), [START]
        watch = FleetWatch(store, lambda: moment[0])
        texts = {(ORG, f"dev_{name}"): SERIES for name in ids}
        first = int(START.timestamp() * 1000) // SLOT_MS
        for number in range(24):
            fresh = []
            for place, name in enumerate(ids):
                again = name == "web-2" and number == 2
                values = [9e9 if name == "web-2" and number >= 2 else 4e9 + 1e8 * place, 1.0, 0.1]
                fresh.append(slots_of(ids[name], first + number, values, resets=3 * again)(name))
            watch.feed(fresh)
            watch.fleet.engine.seen[:] = LEARN_SLOTS
            moment[0] += timedelta(milliseconds=SLOT_MS)
            await watch.once(texts)
        async with store.transaction(Scope(ORG)) as tx:
            return (await tx.execute(select(differences))).all()

    assert asyncio.run(story()) == []


def test_an_anomaly_is_kept_with_the_change_before_it_and_its_diff(store):
    async def story():
        live, moment, _ = await troubled(store)
        row = {"kind": "file", "object": "/etc/app.conf", "name": "", "summary": "file changed", "diff": "-a\n+b"}
        row |= {"who": "", "before_digest": "", "after_digest": "sha256:1", "device_id": DEV}
        async with store.transaction(Scope(ORG)) as tx:
            for name, before in (("chg_early", timedelta(days=3)), ("chg_edit", timedelta(minutes=12))):
                await tx.execute(insert(changes).values(organisation_id=ORG, id=name, at=moment[0] - before, **row))
        await live.once([(ORG, DEV)])
        async with store.transaction(Scope(ORG)) as tx:
            return await apart(tx, DEV)

    found = asyncio.run(story()).anomaly
    assert found.departures
    assert [(cause.change.id, cause.change.diff) for cause in found.causes] == [("chg_edit", "-a\n+b")]
