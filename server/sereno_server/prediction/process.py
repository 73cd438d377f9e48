"""The prediction process: every few seconds or minutes, what was stored since is taken in and forecasts are written."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.prediction import rows
from sereno_server.prediction.lifecycle import Forecast, Runs, advanced, opened, wants_to_open
from sereno_server.prediction.resources import Bounded, bounded
from sereno_server.prediction.watch import Key, Stretch, Watch, join, thin
from sereno_server.store import samples
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all

REBUILD = timedelta(days=30)  # how much of the past is read at the start
CHUNK_MS = 86_400_000
OVERLAP_MS = 120_000  # series of one device may arrive in another order than they were measured
AHEAD_MS_MAX = 86_400_000  # a device's clock may be ahead by this much
SEEN_SLACK = timedelta(seconds=60)  # last_seen is written a little late

log = logging.getLogger(__name__)


class Predictor:
    """The state of the process: what it watches and which forecasts are open."""

    def __init__(self, store: Store, clock: Callable[[], datetime], pass_s: float) -> None:
        self.store = store
        self.clock = clock
        self.pass_s = pass_s
        self.watch = Watch()
        self.open: dict[Key, Forecast] = {}
        self._series: dict[tuple[str, str], dict[int, rows.SeriesRow]] = {}
        self._resources: dict[Key, Bounded] = {}
        self._newest_series = 0
        self._read_until_ms: dict[tuple[str, str], int] = {}
        self._cut_off: dict[Key, datetime] = {}
        self._passed_at: datetime | None = None

    async def start(self) -> None:
        """Loads the open forecasts and reads the past anew."""
        async with self.store.transaction(Scope.system()) as tx:
            self.open = {forecast.key: forecast for forecast in await rows.load_open(tx)}
            self._cut_off = await rows.load_prevented(tx, self.clock() - REBUILD)
        await self.take_in()

    async def once(self) -> None:
        """One pass: takes in what is new, then opens, updates, marks and closes forecasts."""
        await self.take_in()
        await self.write()

    async def take_in(self) -> None:
        """Feeds everything that was stored since the last time."""
        now = self.clock()
        since = None if self._passed_at is None else self._passed_at - SEEN_SLACK
        async with self.store.transaction(Scope.system()) as tx:
            await self._learn_series(tx)
            devices = await rows.load_seen(tx, since)
        for organisation_id, device_id in devices:
            if (organisation_id, device_id) in self._series:
                await self._take_in_device(organisation_id, device_id, now)
        self._passed_at = now

    async def _learn_series(self, tx: AsyncConnection) -> None:
        changed = set()
        for row in await rows.load_series(tx, self._newest_series):
            device = (row.organisation_id, row.device_id)
            self._series.setdefault(device, {})[row.id] = row
            self._newest_series = max(self._newest_series, row.id)
            changed.add(device)
        for organisation_id, device_id in changed:
            for resource in bounded(self._series[organisation_id, device_id].values()):
                self._resources[Key(organisation_id, device_id, resource.series_id)] = resource

    async def _take_in_device(self, organisation_id: str, device_id: str, now: datetime) -> None:
        """Reads the device's new samples, a day at a time, so that memory stays bounded."""
        now_ms = int(now.timestamp() * 1000)
        start_ms = self._read_until_ms.get((organisation_id, device_id), now_ms - int(REBUILD.total_seconds() * 1000))
        while start_ms < now_ms + AHEAD_MS_MAX:
            end_ms = start_ms + CHUNK_MS if start_ms + CHUNK_MS < now_ms else now_ms + AHEAD_MS_MAX
            async with self.store.transaction(Scope(organisation_id)) as tx:
                columns = await samples.read(
                    tx, organisation_id, device_id, list(self._series[organisation_id, device_id]), start_ms, end_ms
                )
            stretches = self._stretches(organisation_id, device_id, columns)
            await asyncio.to_thread(self.watch.feed, [thin(part, now.timestamp()) for part in stretches])
            newest = max((int(times[-1]) for times, _ in columns.values()), default=None)
            if end_ms < now_ms:
                start_ms = end_ms
                continue
            if newest is not None:
                start_ms = max(start_ms, newest - OVERLAP_MS)
            break
        self._read_until_ms[organisation_id, device_id] = start_ms

    def _stretches(self, organisation_id: str, device_id: str, columns: samples.Columns) -> list[Stretch]:
        found = []
        for resource in bounded(self._series[organisation_id, device_id].values()):
            key = Key(organisation_id, device_id, resource.series_id)
            used, limit = columns.get(resource.series_id), columns.get(resource.capacity_series_id)
            if limit is None and key in self.watch.newest:
                limit = (np.zeros(1, np.int64), np.array([self.watch.newest[key][2]]))
            if used is None or limit is None:
                continue
            part = join(key, used, limit)
            cut_off = self._cut_off.get(key)
            if cut_off is not None:  # what came before a run put an end to it is no measure of what is usual
                keep = part.at > cut_off.timestamp()
                part = Stretch(key, part.at[keep], part.value[keep], part.capacity[keep])
            found.append(part)
        return found

    async def write(self) -> None:
        """Opens, updates, marks and closes forecasts, in one transaction, and tells of each that changed."""
        now = self.clock()
        written: list[Forecast] = []
        async with self.store.transaction(Scope.system()) as tx:
            for key in [*self.open, *(key for key in self.watch.said() if key not in self.open)]:
                forecast = await self._step(tx, key, now)
                if forecast is not None:
                    written.append(forecast)
            await rows.save(tx, written)
            await emit_all(
                tx, [Event("forecast", row.key.organisation_id, row.id, row.key.device_id) for row in written]
            )
        for forecast in written:
            self._settle(forecast)

    async def _step(self, tx: AsyncConnection, key: Key, now: datetime) -> Forecast | None:
        outlook, known, resource = self.watch.outlook(key), self.open.get(key), self._resources.get(key)
        if outlook is None or resource is None:
            return None
        if known is None:
            return opened(new_id("fct"), key, resource, outlook, now) if wants_to_open(outlook) else None
        runs = Runs() if outlook.open else await rows.load_runs(tx, known)
        return advanced(known, outlook, runs, now, self.pass_s)

    def _settle(self, forecast: Forecast) -> None:
        if forecast.key not in self.open:
            log.info("forecast %s: %s %s", forecast.id, forecast.resource, forecast.object)
        if forecast.state == "open":
            self.open[forecast.key] = forecast
            return
        self.open.pop(forecast.key, None)
        if forecast.outcome is not None:
            log.info("forecast %s: %s", forecast.id, forecast.outcome.outcome)
            if forecast.outcome.outcome == "prevented":
                self._cut_off[forecast.key] = forecast.updated_at
                self.watch.forget(forecast.key)


async def run(predictor: Predictor, stop: asyncio.Event) -> None:
    """Passes until told to stop."""
    await predictor.start()
    while not stop.is_set():
        await predictor.once()
        try:
            await asyncio.wait_for(stop.wait(), predictor.pass_s)
        except TimeoutError:
            continue
