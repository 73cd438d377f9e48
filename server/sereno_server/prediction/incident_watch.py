"""The pass over all series of all devices: new slots are taken in, incidents are opened and closed."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sereno_proto import limits
from sereno_server.prediction import anomaly_rows as rows
from sereno_server.prediction.anomaly_causes import keep_causes
from sereno_server.prediction.fleet_watch import FleetWatch
from sereno_server.prediction.incidents import BAR, Opened, is_open, strength_of
from sereno_server.prediction.slots import SLOT_MS, into_slots
from sereno_server.prediction.unusual import Device, Fresh, Unusual
from sereno_server.prediction.watch import Kept
from sereno_server.store import samples
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit

REBUILD = timedelta(days=7)  # how much of the past is read when nothing was kept
CHUNK_MS = 86_400_000
DEVICES_AT_ONCE = 100
EXPLAINED_LATE = timedelta(seconds=limits.EXPLAINED_LATE_S)
OLD = timedelta(hours=1)  # an incident that began longer ago, found while catching up, is only learned from

log = logging.getLogger(__name__)


class IncidentWatch:
    """Everything that anomaly knows, and the incidents that are open."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        budget_s: float,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.clock = clock
        self.budget_s = budget_s
        self.timer = timer
        self.unusual = Unusual()
        self.fleet = FleetWatch(store, clock)
        self.open: dict[Device, rows.Known] = {}
        self.until_ms: dict[Device, int] = {}
        self._bar: dict[Device, float] = {}  # what the open incidents had to exceed; unknown after a restart
        self._series: dict[Device, dict[int, rows.NamedSeries]] = {}
        self._newest_series = 0

    async def start(self) -> None:
        """Loads the incidents that are open."""
        async with self.store.transaction(Scope.system()) as tx:
            self.open = await rows.load_open(tx)

    async def once(self, devices: Iterable[Device]) -> None:
        """Takes in what is new of these devices, a slot or at most a day each time; the longest behind come first.

        What does not fit into the budget is left for the next pass, so that forecasts never wait for it.
        """
        began, now = self.timer(), self.clock()
        now_ms = int(now.timestamp() * 1000)
        async with self.store.transaction(Scope.system()) as tx:
            for row in await rows.load_series(tx, self._newest_series):
                self._series.setdefault((row.organisation_id, row.device_id), {})[row.id] = row
                self._newest_series = max(self._newest_series, row.id)
        oldest = (now_ms - int(REBUILD.total_seconds() * 1000)) // SLOT_MS * SLOT_MS
        known = [device for device in devices if device in self._series]
        due = sorted(
            (max(self.until_ms.get(device, oldest), oldest), device)
            for device in known
            if self.until_ms.get(device, oldest) + SLOT_MS <= now_ms
        )
        for place in range(0, len(due), DEVICES_AT_ONCE):
            await self._take_in(due[place : place + DEVICES_AT_ONCE], now)
            if self.timer() - began > self.budget_s:
                break
        await self._withdraw(now)
        await self._close(now)
        await self.fleet.once({device: [row.text for row in named.values()] for device, named in self._series.items()})

    async def _take_in(self, due: list[tuple[int, Device]], now: datetime) -> None:
        now_ms = int(now.timestamp() * 1000)
        fresh = []
        for start_ms, device in due:
            end_ms = start_ms + CHUNK_MS
            one = await self._read(device, start_ms, end_ms)
            if one is not None:
                fresh.append(one)
                self.until_ms[device] = int(one.slots.at[-1] * 1000)
            elif end_ms <= now_ms:
                self.until_ms[device] = end_ms
        going_on = [one.device for one in fresh if one.device in self.open]
        for device, incident in await asyncio.to_thread(self.unusual.feed, fresh):
            await self._open(device, incident, now)
        for device in going_on:
            await self._go_on(device, now)
        await asyncio.to_thread(self.fleet.feed, fresh)

    async def _read(self, device: Device, start_ms: int, end_ms: int) -> Fresh | None:
        """The whole slots between these times, up to the newest sample; None when there is none."""
        named = self._series[device]
        async with self.store.transaction(Scope(device[0])) as tx:
            columns = await samples.read(tx, *device, list(named), start_ms - SLOT_MS, end_ms)
        newest = max((int(times[-1]) for times, _ in columns.values() if len(times)), default=0)
        last_ms = (newest + 1) // SLOT_MS * SLOT_MS
        if last_ms <= start_ms:
            return None
        counters = frozenset(name for name, row in named.items() if row.kind == "counter")
        slots = into_slots(columns, counters, start_ms, last_ms)
        return Fresh(device, slots, {name: row.text for name, row in named.items()})

    async def _open(self, device: Device, incident: Opened, now: datetime) -> None:
        if device in self.open or incident.onset * SLOT_MS / 1000 < (now - OLD).timestamp():
            return
        async with self.store.transaction(Scope.system()) as tx:
            onset = datetime.fromtimestamp(incident.onset * SLOT_MS / 1000, now.tzinfo)
            explained = await rows.explanation(tx, device, onset, now)
            anomaly_id = await rows.add(tx, device, incident, now, explained)
            if explained is None:
                await keep_causes(tx, device, anomaly_id, incident, now)
            await emit(tx, Event("forecast", device[0], anomaly_id, device[1]))
        log.info("anomaly %s: strength %.2f%s", anomaly_id, incident.strength, f", {explained}" if explained else "")
        if explained is None:
            self.open[device] = rows.Known(anomaly_id, now, onset)
            self._bar[device] = strength_of(incident.series) / incident.strength

    async def _go_on(self, device: Device, now: datetime) -> None:
        """Keeps what an open incident has become since."""
        calm = self.unusual.calm.get(device)
        if calm is None:
            return
        recent = [one for _, one in calm.recent]
        strength = strength_of(recent) / self._bar.get(device, BAR)
        async with self.store.transaction(Scope.system()) as tx:
            if await rows.go_on(tx, device, self.open[device].id, strength, recent, now):
                await emit(tx, Event("forecast", device[0], self.open[device].id, device[1]))

    async def _withdraw(self, now: datetime) -> None:
        """Takes back what turns out to be explained: an upgrade is told when it has finished."""
        for device, known in list(self.open.items()):
            if now - known.made_at > EXPLAINED_LATE:
                continue
            async with self.store.transaction(Scope.system()) as tx:
                why = await rows.explanation(tx, device, known.onset_at, now)
                if why is None:
                    continue
                await rows.withdraw(tx, device, known.id, now, why)
                await emit(tx, Event("forecast", device[0], known.id, device[1]))
            log.info("anomaly %s: %s", known.id, why)
            del self.open[device]
            self._bar.pop(device, None)

    async def _close(self, now: datetime) -> None:
        over = [
            device for device in self.open if device not in self.unusual.calm or not is_open(self.unusual.calm[device])
        ]
        for device in over:
            async with self.store.transaction(Scope.system()) as tx:
                await rows.close(tx, device, self.open[device].id, now)
                await emit(tx, Event("forecast", device[0], self.open[device].id, device[1]))
            del self.open[device]
            self._bar.pop(device, None)

    def dump(self) -> tuple[Kept, dict[str, Any]]:
        """Columns and facts, to keep them."""
        until = [[*device, at] for device, at in self.until_ms.items()]
        return self.unusual.dump(), {"until_ms": until, "calm": self.unusual.dump_calm()}

    def load(self, kept: Kept, facts: Mapping[str, Any]) -> None:
        """Takes over what was kept. Raises KeyError, ValueError or TypeError when it is of another version."""
        unusual = Unusual()
        unusual.load(kept, facts["calm"])
        self.until_ms = {(str(one), str(device)): int(at) for one, device, at in facts["until_ms"]}
        self.unusual = unusual
