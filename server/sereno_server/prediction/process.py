"""The prediction process: every few seconds or minutes, what was stored since is taken in and forecasts are written."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.prediction import rows
from sereno_server.prediction.checkpoint import Checkpoint, load, save
from sereno_server.prediction.degradation_watch import EVERY as SCORES_EVERY
from sereno_server.prediction.degradation_watch import DegradationWatch
from sereno_server.prediction.incident_watch import IncidentWatch
from sereno_server.prediction.lifecycle import Forecast, Runs, advanced, moment, opened, wants_to_open
from sereno_server.prediction.log_watch import LogWatch
from sereno_server.prediction.muting import Subject, mute_the_wrong
from sereno_server.prediction.read_onset import onset_of
from sereno_server.prediction.resources import Bounded, bounded
from sereno_server.prediction.watch import Key, Outlook, Stretch, Watch, join, thin
from sereno_server.rules.watch import RuleWatch
from sereno_server.store import samples
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all

REBUILD = timedelta(days=30)  # how much of the past is read at the start
INCIDENTS_SHARE = 0.5  # of a pass that anomalies may take
SCORES_SHARE = 0.1  # of a pass that measuring for the scores of devices may take
LOGS_SHARE = 0.3
SAVE_EVERY = timedelta(minutes=5)
CHUNK_MS = 86_400_000
DEVICES_AT_ONCE = 100
OVERLAP_MS = 120_000  # series of one device may arrive in another order than they were measured
AHEAD_MS_MAX = 86_400_000  # a device's clock may be ahead by this much
SEEN_SLACK = timedelta(seconds=60)  # last_seen is written a little late

log = logging.getLogger(__name__)


class Predictor:
    """The state of the process: what it watches and which forecasts are open."""

    def __init__(self, store: Store, clock: Callable[[], datetime], pass_s: float, kept_at: Path | None = None) -> None:
        self.store = store
        self.clock = clock
        self.pass_s = pass_s
        self.kept_at = kept_at  # the file of the checkpoint
        self.watch = Watch()
        self.incidents = IncidentWatch(store, clock, pass_s * INCIDENTS_SHARE)
        self.rules = RuleWatch(store)
        self.degradation = DegradationWatch(store, clock, max(pass_s, SCORES_EVERY.total_seconds()) * SCORES_SHARE)
        self.logs = LogWatch(store, clock, pass_s * LOGS_SHARE)
        self.open: dict[Key, Forecast] = {}
        self._series: dict[tuple[str, str], dict[int, rows.SeriesRow]] = {}
        self._resources: dict[Key, Bounded] = {}
        self._newest_series = 0
        self._read_until_ms: dict[tuple[str, str], int] = {}
        self._cut_off: dict[Key, datetime] = {}
        self._heard: dict[tuple[str, str], None] = {}
        self._passed_at: datetime | None = None
        self._saved_at: datetime | None = None

    async def start(self) -> None:
        """Loads the open forecasts and what was kept; reads what is newer, or the past anew."""
        async with self.store.transaction(Scope.system()) as tx:
            self.open = {forecast.key: forecast for forecast in await rows.load_open(tx)}
            self._cut_off = await rows.load_prevented(tx, self.clock() - REBUILD)
        await asyncio.to_thread(self._load)
        await self.incidents.start()
        await self.rules.start()
        await self.degradation.start()
        await self.logs.start()
        await self.take_in()

    async def once(self) -> None:
        """One pass: takes in what is new; opens, updates, marks and closes forecasts; rules; anomalies; scores."""
        await self.take_in()
        await self.write()
        await self.rules.write(self.clock())
        await self.incidents.once(self._heard)
        await self.degradation.once(self._heard)
        await self.logs.once(self._heard, self.rules.restarted_ms)

    async def save(self) -> None:
        """Keeps what was learned."""
        if self.kept_at is None:
            return
        self._saved_at = self.clock()
        read = [[*device, until] for device, until in self._read_until_ms.items()]
        columns, facts = self.incidents.dump()
        fleet_columns, fleet = self.incidents.fleet.dump()
        parts = {"exhaustion": self.watch.dump(), "anomaly": columns, "fleet": fleet_columns}
        known = {
            "read_until_ms": read,
            "anomaly": facts,
            "fleet": fleet,
            "rules": self.rules.dump(),
            "logs": self.logs.dump(),
        }
        kept = Checkpoint(self._saved_at, known, parts)
        try:
            await asyncio.to_thread(save, self.kept_at, kept)
        except OSError as error:
            log.warning("prediction: %s cannot be written: %s", self.kept_at, error.strerror)

    async def save_if_due(self) -> None:
        """Keeps what was learned every few minutes."""
        if self._saved_at is None or self.clock() - self._saved_at >= SAVE_EVERY:
            await self.save()

    def _load(self) -> None:
        kept = load(self.kept_at) if self.kept_at is not None else None
        if kept is None or not timedelta(0) <= self.clock() - kept.saved_at <= REBUILD:
            return
        watch = Watch()
        try:
            read = {(str(one), str(device)): int(until) for one, device, until in kept.facts["read_until_ms"]}
            watch.load(dict(kept.parts["exhaustion"]))
            self.incidents.load(dict(kept.parts["anomaly"]), kept.facts["anomaly"])
            self.incidents.fleet.load(kept.parts["fleet"], kept.facts["fleet"])
            self.rules.load(kept.facts["rules"])
            self.logs.load(kept.facts["logs"])
        except (KeyError, ValueError, TypeError) as error:
            log.warning("prediction: what was kept is of another version (%s); the past is read anew", error)
            return
        self.watch, self._read_until_ms, self._saved_at = watch, read, kept.saved_at
        for key, at in self._cut_off.items():
            if at > kept.saved_at:  # a run put an end to it after that
                watch.forget(key)

    async def take_in(self) -> None:
        """Feeds everything that was stored since the last time."""
        now = self.clock()
        since = None if self._passed_at is None else self._passed_at - SEEN_SLACK
        async with self.store.transaction(Scope.system()) as tx:
            await self._learn_series(tx)
            devices = await rows.load_seen(tx, since)
        await self.rules.learn()
        self._heard |= dict.fromkeys(devices)
        known = [device for device in devices if self._wanted(*device)]
        for place in range(0, len(known), DEVICES_AT_ONCE):
            fresh: list[Stretch] = []
            for device in known[place : place + DEVICES_AT_ONCE]:
                fresh += await self._take_in_device(*device, now)
            await asyncio.to_thread(self.watch.feed, fresh)
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

    def _wanted(self, organisation_id: str, device_id: str) -> list[int]:
        """The series of a device that are bounded, or that a rule looks at."""
        device = (organisation_id, device_id)
        return list({*self._series.get(device, ()), *self.rules.wanted(device)})

    async def _take_in_device(self, organisation_id: str, device_id: str, now: datetime) -> list[Stretch]:
        """Reads the device's new samples, a day at a time, so that memory stays bounded; gives those of the last day.

        They are fed together with other devices': what is fed costs a step, however many series are in it.
        """
        now_ms = int(now.timestamp() * 1000)
        start_ms = self._read_until_ms.get((organisation_id, device_id), now_ms - int(REBUILD.total_seconds() * 1000))
        while True:
            end_ms = start_ms + CHUNK_MS if start_ms + CHUNK_MS < now_ms else now_ms + AHEAD_MS_MAX
            async with self.store.transaction(Scope(organisation_id)) as tx:
                columns = await samples.read(
                    tx, organisation_id, device_id, self._wanted(organisation_id, device_id), start_ms, end_ms
                )
            self.rules.feed((organisation_id, device_id), columns, now)
            stretches = [thin(part, now.timestamp()) for part in self._stretches(organisation_id, device_id, columns)]
            if end_ms >= now_ms:
                break
            await asyncio.to_thread(self.watch.feed, stretches)
            start_ms = end_ms
        newest = max((int(times[-1]) for times, _ in columns.values()), default=None)
        if newest is not None:
            start_ms = max(start_ms, newest - OVERLAP_MS)
        self._read_until_ms[organisation_id, device_id] = start_ms
        return stretches

    def _stretches(self, organisation_id: str, device_id: str, columns: samples.Columns) -> list[Stretch]:
        found = []
        for resource in bounded(self._series.get((organisation_id, device_id), {}).values()):
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
            scored = [Subject.of_forecast(row) for row in written if row.outcome and row.outcome.at == now]
            await mute_the_wrong(tx, scored, now)
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
            if not wants_to_open(outlook):
                return None
            return await self._with_onset(tx, opened(new_id("fct"), key, resource, outlook, now), outlook)
        runs = Runs() if outlook.open else await rows.load_runs(tx, known)
        return advanced(known, outlook, runs, now, self.pass_s)

    async def _with_onset(self, tx: AsyncConnection, forecast: Forecast, outlook: Outlook) -> Forecast:
        """The forecast with the moment at which the growth began, found in the stored samples."""
        if outlook.onset is None:
            return forecast
        found = await onset_of(
            tx, forecast.key.organisation_id, forecast.key.device_id, forecast.key.series_id, outlook.onset, outlook.at
        )
        return replace(forecast, onset_at=moment(found.at))

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
        await predictor.save_if_due()
        try:
            await asyncio.wait_for(stop.wait(), predictor.pass_s)
        except TimeoutError:
            continue
    await predictor.save()
