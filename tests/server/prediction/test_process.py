"""The pass of the prediction process against a real database: what it opens, marks and closes."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, text
from tests.server.prediction.shapes import noisy, quiet_then_ramp

from sereno_server.prediction.process import Predictor
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import devices, forecasts, organisations, runs

pytestmark = pytest.mark.slow
ORG, DEV = "org_a", "dev_a"
START = datetime(2026, 3, 1, tzinfo=UTC)
PASS_S = 5


@dataclass
class Site:
    """One device with a watched folder of 1000 bytes, a clock that the test moves, and a predictor."""

    store: object
    now: datetime = START
    sequence: int = 0
    ids: list[int] = field(default_factory=list)

    def predictor(self, kept_at=None):
        return Predictor(self.store, lambda: self.now, PASS_S, kept_at)

    async def join(self):
        async with self.store.transaction(Scope.system()) as tx:
            await tx.execute(
                insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[])
            )
            await tx.execute(
                insert(devices).values(
                    organisation_id=ORG,
                    id=DEV,
                    name="a",
                    identity_key=b"",
                    platform="linux",
                    agent_version="0",
                    connected_at=START,
                )
            )
            labels = (("folder", "app-logs"),)
            keys = [SeriesKey("folder_used_bytes", labels), SeriesKey("folder_quota_bytes", labels)]
            named = await samples.name_series(tx, ORG, DEV, keys)
            self.ids = [named[key] for key in keys]

    async def live(self, predictor, used, until=None):
        """A sample a second and a pass every five; stops after `until` gave true."""
        for place in range(0, len(used), PASS_S):
            part = used[place : place + PASS_S]
            times = (self.now.timestamp() * 1000 + 1000 * np.arange(len(part))).astype(np.int64)
            self.now += timedelta(seconds=len(part))
            self.sequence += 1
            matrix = Matrix(tuple(self.ids), times, np.stack([part * 1000.0, np.full(len(part), 1000.0)], axis=1))
            async with self.store.transaction(Scope(ORG)) as tx:
                row = samples.batch(ORG, DEV, b"e" * 16, self.sequence, [matrix])
                await samples.append(tx, [row])
            await predictor.once()
            if until is not None and until(predictor):
                return

    async def rows(self):
        async with self.store.transaction(Scope(ORG)) as tx:
            return [dict(row) for row in (await tx.execute(select(forecasts).order_by(forecasts.c.id))).mappings()]

    async def run_finished(self, state):
        async with self.store.transaction(Scope(ORG)) as tx:
            await tx.execute(
                insert(runs).values(
                    organisation_id=ORG,
                    id=f"run_{state}",
                    device_id=DEV,
                    playbook="disk.free_space",
                    requester="server",
                    state=state,
                    steps=[],
                    finished_at=self.now if state == "succeeded" else None,
                )
            )


def filling(quiet=30, ramp=120):
    return noisy(quiet_then_ramp(quiet, ramp), seed=1, size=0.0005)


async def opened(site, used=None):
    await site.join()
    predictor = site.predictor()
    await predictor.start()
    await site.live(predictor, filling() if used is None else used, until=lambda p: p.open)
    return predictor


def test_a_filling_folder_opens_one_forecast_that_is_kept_up_to_date(store):
    async def story():
        site = Site(store)
        predictor = await opened(site)
        assert site.now <= START + timedelta(seconds=30 + 45)
        (first,) = await site.rows()
        assert (first["resource"], first["object"], first["state"]) == ("folder", "app-logs", "open")
        full_at = START + timedelta(seconds=150)
        assert first["full_at_low"] < full_at < first["full_at_high"]
        assert abs(first["full_at"] - full_at) < timedelta(seconds=15)
        assert abs(first["onset_at"] - (START + timedelta(seconds=30))) < timedelta(seconds=20)
        assert first["path"][0][2] == pytest.approx(first["value"])
        assert first["path"][-1][1] == pytest.approx(first["capacity"])
        done = int((site.now - START).total_seconds())
        await site.live(predictor, filling()[done : done + 10])
        (later,) = await site.rows()
        assert later["id"] == first["id"]
        assert later["value"] > first["value"]
        assert later["first_full_at"] == first["first_full_at"]

    asyncio.run(story())


def test_a_run_that_succeeds_in_between_prevents_it_and_the_series_starts_anew(store):
    async def story():
        site = Site(store)
        predictor = await opened(site)
        await site.run_finished("executing")
        await site.live(predictor, np.full(10, 0.1))
        assert (await site.rows())[0]["state"] == "open"  # a run goes on: its end decides
        async with store.transaction(Scope(ORG)) as tx:
            await tx.execute(runs.update().values(state="succeeded", finished_at=site.now))
        await site.live(predictor, np.full(5, 0.1))
        (row,) = await site.rows()
        assert (row["state"], row["outcome"]) == ("closed", "prevented")
        assert row["outcome_why"] == "disk.free_space succeeded"
        await site.live(predictor, filling()[5:], until=lambda p: p.open)
        assert len(await site.rows()) == 2  # the second fill is announced as well

    asyncio.run(story())


def test_a_fill_is_a_hit_with_its_lead_and_stays_open_while_it_is_full(store):
    async def story():
        site = Site(store)
        predictor = await opened(site)
        done = int((site.now - START).total_seconds())
        await site.live(predictor, np.concatenate([np.minimum(filling()[done:], 1.0), np.ones(60)]))
        (row,) = await site.rows()
        assert (row["state"], row["outcome"]) == ("open", "hit")
        assert 60 <= row["lead_s"] <= 130
        await site.live(predictor, np.full(10, 0.1))
        (row,) = await site.rows()
        assert (row["state"], row["outcome"]) == ("closed", "hit")

    asyncio.run(story())


def test_growth_that_ends_by_itself_soon_is_withdrawn(store):
    async def story():
        site = Site(store)
        predictor = await opened(site)
        await site.live(predictor, np.full(10, 0.1))
        (row,) = await site.rows()
        assert (row["state"], row["outcome"]) == ("closed", "withdrawn")

    asyncio.run(story())


def test_after_a_restart_the_same_forecast_goes_on(store):
    async def story():
        site = Site(store)
        await opened(site)
        done = int((site.now - START).total_seconds())
        (before,) = await site.rows()
        other = site.predictor()
        await other.start()
        await site.live(other, filling()[done : done + 5])
        (after,) = await site.rows()
        assert after["id"] == before["id"]
        assert after["state"] == "open"
        assert abs(after["full_at"] - before["full_at"]) < timedelta(seconds=10)

    asyncio.run(story())


def test_a_restart_from_the_checkpoint_reads_only_what_is_newer_and_says_the_same(store, tmp_path):
    async def story():
        site = Site(store)
        await site.join()
        first = site.predictor(tmp_path / "state")
        await first.start()
        await site.live(first, filling()[:60])
        await first.save()
        async with store.transaction(Scope.system()) as tx:  # nothing older than the overlap is asked for
            await tx.execute(text("DELETE FROM batches WHERE sequence < 3"))
        await site.live(first, filling()[60:65])
        second = site.predictor(tmp_path / "state")
        await second.start()
        await second.once()
        (key,) = first.watch.rows
        assert second.watch.outlook(key) == first.watch.outlook(key)
        assert second.open.keys() == first.open.keys()

    asyncio.run(story())


def test_what_a_run_put_an_end_to_after_the_checkpoint_is_forgotten(store, tmp_path):
    async def story():
        site = Site(store)
        predictor = await opened(site)
        predictor.kept_at = tmp_path / "state"
        await predictor.save()
        await site.run_finished("succeeded")
        await site.live(predictor, np.full(10, 0.1))
        assert [row["outcome"] for row in await site.rows()] == ["prevented"]
        other = site.predictor(tmp_path / "state")
        await other.start()
        (key,) = other.watch.rows
        assert not other.watch.outlook(key).open

    asyncio.run(story())


def test_a_quiet_device_writes_nothing(store):
    async def story():
        site = Site(store)
        await site.join()
        predictor = site.predictor()
        await predictor.start()
        await site.live(predictor, noisy(np.full(100, 0.5), seed=2))
        assert await site.rows() == []

    asyncio.run(story())
