"""Anomalies against a real database: rows, what explains them, what came of them, the one alert."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, text
from tests.server.prediction.quiet_device import AREAS, DAY

from sereno_proto.limits import EXPLAINED_LATE_S
from sereno_server.alerts.watch import watch
from sereno_server.prediction.incident_watch import IncidentWatch
from sereno_server.prediction.slots import SLOT_MS
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import alerts, anomalies, devices, maintenance, organisations

pytestmark = pytest.mark.slow
ORG, DEV = "org_a", "dev_a"
DEVICE = (ORG, DEV)
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 4


async def prepared(store):
    """A device with four quiet days of twelve series, two samples a slot, stored."""
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[]))
        await tx.execute(
            insert(devices).values(
                organisation_id=ORG,
                id=DEV,
                name="web-1",
                identity_key=b"",
                platform="linux",
                agent_version="0",
                connected_at=START,
                last_seen=START + timedelta(days=DAYS, hours=1),
            )
        )
        keys = [SeriesKey(f"{area}_used") for area in AREAS]
        named = await samples.name_series(tx, ORG, DEV, keys)
    ids = tuple(named[key] for key in keys)
    values = np.random.default_rng(1).normal(10, 1, (DAYS * DAY * 2, len(ids)))
    await stored(store, ids, START, values, 1)
    return ids


async def stored(store, ids, begin, values, sequence):
    times = (begin.timestamp() * 1000 + SLOT_MS // 2 * np.arange(len(values))).astype(np.int64)
    async with store.transaction(Scope(ORG)) as tx:
        await samples.append(tx, [samples.batch(ORG, DEV, b"e" * 16, sequence, [Matrix(ids, times, values)])])


async def troubled(store):
    """Learns the quiet days, then everything departs at once."""
    ids = await prepared(store)
    moment = [START + timedelta(days=DAYS)]
    live = IncidentWatch(store, lambda: moment[0], 60.0)
    await live.start()
    for _ in range(9):  # a day at a time, of the seven that are read
        await live.once([DEVICE])
    assert live.open == {}
    assert len(live.fleet.fleet.rows) == len(ids)  # its siblings are compared with by the same slots
    assert live.fleet.fleet.newest == int(moment[0].timestamp() * 1000) // SLOT_MS - 1
    await stored(store, ids, moment[0], np.full((4, len(ids)), 60.0), 2)
    moment[0] += timedelta(milliseconds=2 * SLOT_MS + 1000)
    return live, moment, ids


async def fired(store):
    async with store.transaction(Scope(ORG)) as tx:
        return [tuple(one) for one in await tx.execute(select(alerts.c.kind, alerts.c.severity, alerts.c.ticket_id))]


async def upgraded(store, at):
    async with store.transaction(Scope(ORG)) as tx:
        await tx.execute(
            text(
                "INSERT INTO changes (organisation_id, id, device_id, kind, object, name, summary, diff, who,"
                " before_digest, after_digest, at) VALUES (:o, 'chg_1', :d, 'package', 'nginx', '', '', '', '',"
                " '', '', :at)"
            ),
            {"o": ORG, "d": DEV, "at": at},
        )


async def rows(store):
    async with store.transaction(Scope(ORG)) as tx:
        return [dict(row) for row in (await tx.execute(select(anomalies))).mappings()]


def test_an_incident_is_one_row_and_one_alert_and_is_marked_when_it_is_over(store):
    async def story():
        live, moment, ids = await troubled(store)
        await live.once([DEVICE])
        (row,) = await rows(store)
        assert (row["state"], row["outcome"]) == ("open", None)
        assert len(row["series"]) == len(ids)
        assert row["series"][0]["value"] == pytest.approx(60)
        assert row["series"][0]["usual"] == pytest.approx(10, abs=1)
        await watch(store, ORG, moment[0], START)
        assert [one for one in await fired(store) if one[0] == "anomaly"] == []  # an explanation may still come
        await watch(store, ORG, moment[0] + timedelta(seconds=EXPLAINED_LATE_S), START)
        assert [one for one in await fired(store) if one[0] == "anomaly"] == [("anomaly", "watch", None)]
        await stored(store, ids, moment[0], np.full((2, len(ids)), 200.0), 9)  # it becomes worse while it goes on
        moment[0] += timedelta(milliseconds=SLOT_MS)
        await live.once([DEVICE])
        (worse,) = await rows(store)
        assert worse["updated_at"] == moment[0]
        assert worse["strength"] >= row["strength"]
        assert (worse["made_at"], worse["onset_at"]) == (row["made_at"], row["onset_at"])
        restarted = IncidentWatch(store, lambda: moment[0], 60.0)
        restarted.load(*live.dump())
        await restarted.start()
        quiet = np.random.default_rng(2).normal(60, 1, (40, len(ids)))
        await stored(store, ids, moment[0], quiet, 3)
        moment[0] += timedelta(milliseconds=20 * SLOT_MS + 1000)
        await restarted.once([DEVICE])
        (row,) = await rows(store)
        assert row["state"] == "closed"
        assert row["outcome"] in {"hit", "miss"}

    asyncio.run(story())


@pytest.mark.parametrize("why", ["maintenance", "package"])
def test_what_is_explained_raises_nothing_and_is_kept(store, why):
    async def story():
        live, moment, _ = await troubled(store)
        if why == "package":
            await upgraded(store, moment[0])
        else:
            async with store.transaction(Scope(ORG)) as tx:
                await tx.execute(
                    insert(maintenance).values(
                        organisation_id=ORG,
                        id="mnt_1",
                        starts_at=moment[0] - timedelta(hours=1),
                        ends_at=moment[0] + timedelta(hours=1),
                        reason="new disks",
                        made_by="noa",
                    )
                )
        await live.once([DEVICE])
        (row,) = await rows(store)
        assert (row["state"], row["outcome"]) == ("closed", "withdrawn")
        assert row["outcome_why"] in {"announced maintenance: new disks", "packages changed: nginx"}
        assert live.open == {}

    asyncio.run(story())


def test_an_upgrade_that_is_told_after_the_incident_opened_takes_it_back(store):
    async def story():
        live, moment, _ = await troubled(store)
        await live.once([DEVICE])
        assert len(live.open) == 1
        moment[0] += timedelta(minutes=10)
        await upgraded(store, moment[0])
        await live.once([DEVICE])
        (row,) = await rows(store)
        assert (row["state"], row["outcome_why"]) == ("closed", "packages changed: nginx")
        assert live.open == {}

    asyncio.run(story())
