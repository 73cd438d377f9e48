"""Rules before a real database: rows, alerts, tickets; a device that is away, late samples, restarts of the server."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from sereno_server.alerts.watch import watch
from sereno_server.prediction.process import Predictor
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import alerts, conditions, devices, maintenance, organisations, tickets

pytestmark = pytest.mark.slow
ORG, DEV = "org_a", "dev_a"
START = datetime(2026, 3, 1, tzinfo=UTC)
DISK = (("attribute", "pending_sectors"), ("disk", "sda"))
KEYS = {
    "pending": SeriesKey("disk_smart_raw", DISK),
    "failed": SeriesKey("service_failed", (("service", "web.service"),)),
    "count": SeriesKey("services_failed"),
    "healthy": SeriesKey("disk_healthy", (("disk", "sda"),)),
}


class Site:
    """One device, and a clock that the test moves."""

    def __init__(self, store, tmp_path):
        self.store, self.now, self.sequence = store, START, 0
        self.kept_at = tmp_path / "prediction.state"
        self.ids = {}

    async def join(self):
        async with self.store.transaction(Scope.system()) as tx:
            await tx.execute(
                insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[])
            )
            device = {"organisation_id": ORG, "id": DEV, "name": "web-1", "identity_key": b"", "connected_at": START}
            await tx.execute(insert(devices).values(**device, platform="linux", agent_version="0"))
            named = await samples.name_series(tx, ORG, DEV, list(KEYS.values()))
        self.ids = {name: named[key] for name, key in KEYS.items()}
        return await self.started()

    async def started(self):
        predictor = Predictor(self.store, lambda: self.now, 300, self.kept_at)
        await predictor.start()
        return predictor

    async def says(self, minutes, at=None, **values):
        """A sample a minute of each series that is named; then the clock stands at their end, unless `at` is given."""
        begin = at or self.now
        times = (begin.timestamp() * 1000 + 60_000 * np.arange(minutes)).astype(np.int64)
        matrix = Matrix(
            tuple(self.ids[name] for name in values),
            times,
            np.tile(np.array(list(values.values()), float), (minutes, 1)),
        )
        self.sequence += 1
        async with self.store.transaction(Scope(ORG)) as tx:
            await samples.append(tx, [samples.batch(ORG, DEV, b"e" * 16, self.sequence, [matrix])])
            if at is None:
                self.now += timedelta(minutes=minutes)
                await tx.execute(update(devices).values(last_seen=self.now))

    async def rows(self, table, *names):
        async with self.store.transaction(Scope(ORG)) as tx:
            found = await tx.execute(select(*(table.c[name] for name in names)))
            return [tuple(row) if len(names) > 1 else row[0] for row in found]

    async def firing(self):
        await watch(self.store, ORG, self.now, START - timedelta(days=1))
        return sorted(kind for kind, state in await self.rows(alerts, "kind", "state") if state == "firing")


def test_what_is_wrong_with_one_disk_is_one_ticket_and_ends_with_its_cause(store, tmp_path):
    async def story():
        site = Site(store, tmp_path)
        predictor = await site.join()
        await site.says(60, pending=0, healthy=1)
        await predictor.once()
        assert await site.firing() == []
        await site.says(60, pending=3, healthy=0)
        await predictor.once()
        assert await site.firing() == ["disk_failing", "disk_pending_sectors"]
        assert await site.rows(tickets, "title") == ["Disk sda says that it is failing"]
        await predictor.save()
        predictor = await site.started()  # the server restarts in between
        await site.says(120, pending=0, healthy=1)
        await predictor.once()
        assert await site.firing() == []
        assert None not in await site.rows(conditions, "closed_at")

    asyncio.run(story())


def test_a_device_that_is_away_begins_and_ends_nothing_and_late_samples_begin_nothing(store, tmp_path):
    async def story():
        site = Site(store, tmp_path)
        predictor = await site.join()
        await site.says(60, failed=1, count=1)
        await predictor.once()
        assert await site.firing() == ["service_failed"]
        site.now += timedelta(days=9)
        await predictor.once()
        assert await site.rows(conditions, "closed_at") == [None]  # it may be as before: nobody knows
        await site.says(60, at=site.now - timedelta(hours=5), pending=7, failed=1, count=1)
        await predictor.once()
        assert len(await site.rows(conditions, "id")) == 1  # five hours old: no news
        await site.says(10, count=0)  # the unit is in order again: its series is gone, others go on
        await predictor.once()
        assert None not in await site.rows(conditions, "closed_at")
        assert "service_failed" not in await site.firing()

    asyncio.run(story())


def test_announced_work_keeps_a_condition_back_until_it_is_over(store, tmp_path):
    async def story():
        site = Site(store, tmp_path)
        predictor = await site.join()
        async with store.transaction(Scope(ORG)) as tx:
            ends = START + timedelta(hours=3)
            window = {"id": "mnt_1", "device_id": DEV, "starts_at": START, "ends_at": ends, "made_by": "noa"}
            await tx.execute(insert(maintenance).values(organisation_id=ORG, reason="new disk", **window))
        await site.says(60, healthy=0)
        await predictor.once()
        assert await site.firing() == []
        await site.says(130, healthy=0)
        await predictor.once()
        assert await site.firing() == ["disk_failing"]

    asyncio.run(story())


def test_without_its_memory_the_past_is_read_anew_and_nothing_is_told_twice(store, tmp_path):
    async def story():
        site = Site(store, tmp_path)
        predictor = await site.join()
        await site.says(90, pending=3)
        await predictor.once()
        again = await site.started()
        await again.once()
        assert await site.rows(conditions, "rule", "closed_at") == [("disk_pending_sectors", None)]
        assert await site.firing() == ["disk_pending_sectors"]

    asyncio.run(story())
