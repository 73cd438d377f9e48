"""The pass that scores every device: what forecasts, alerts and anomalies say now, and what was measured of late."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction import degradation
from sereno_server.prediction import degradation_rows as rows
from sereno_server.prediction.degradation import Part
from sereno_server.prediction.degradation_rows import Standing
from sereno_server.prediction.unusual import Device
from sereno_server.store import samples
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import series

EVERY = timedelta(seconds=30)
MEASURE_EVERY = timedelta(hours=1)  # a day of each device is read then, within the budget
LOOK_BACK_MS = 86_400_000
FRESH_MS = 7_200_000  # a level that is older says nothing of now
FAILED, RESTARTS, BOOT = "services_failed", "service_restarts", "boot_time_seconds"
UPDATES, REBOOT = "updates_security_pending", "reboot_required"
NAMES = frozenset({FAILED, RESTARTS, BOOT, UPDATES, REBOOT})
MEASURED = frozenset({FAILED, "restarts", UPDATES, REBOOT, "errors"})


@dataclass(frozen=True)
class Known:
    """A series that says how a device is."""

    id: int
    name: str


class DegradationWatch:
    """The standing of every device, and when each was last measured."""

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
        self.standings: dict[Device, Standing] = {}
        self._measured: dict[Device, list[Part]] = {}
        self._measured_at: dict[Device, datetime] = {}
        self._series: dict[Device, list[Known]] = {}
        self._newest_series = 0
        self._passed_at: datetime | None = None
        self._day: date | None = None

    async def start(self) -> None:
        """Takes over what was last said, so that nothing heals because the process began anew."""
        async with self.store.transaction(Scope.system()) as tx:
            self.standings = await rows.load_standings(tx)
        for device, standing in self.standings.items():
            self._measured[device] = [part for part in standing.parts if part.kind in MEASURED]

    async def once(self, devices: Iterable[Device]) -> None:
        """Measures those longest not measured, within the budget; then scores all, and keeps what changed."""
        now = self.clock()
        if self._passed_at is not None and now - self._passed_at < EVERY:
            return
        self._passed_at = now
        await self._measure(list(devices), now)
        async with self.store.transaction(Scope.system()) as tx:
            told = await rows.load_now(tx, now)
            changed = self._changed(told, now)
            if self._day != now.date():
                await rows.begin_day(tx, now.date())
            await rows.save(tx, changed, now)
            if changed or self._day != now.date():
                await rows.save_organisations(tx, now)
            self._day = now.date()
        self.standings |= changed

    def _changed(self, told: Mapping[Device, list[Part]], now: datetime) -> dict[Device, Standing]:
        found = {}
        for device in {*told, *self._measured, *self.standings}:
            parts = [*told.get(device, []), *self._measured.get(device, [])]
            before = self.standings.get(device)
            standing = rows.standing_of(parts, before, now)
            if not standing.same(before) and (before is not None or standing.parts):
                found[device] = standing
        return found

    async def _measure(self, devices: list[Device], now: datetime) -> None:
        began = self.timer()
        async with self.store.transaction(Scope.system()) as tx:
            await self._learn_series(tx)
        never = datetime.min.replace(tzinfo=now.tzinfo)
        due = sorted(
            (at, device) for device in devices if now - (at := self._measured_at.get(device, never)) >= MEASURE_EVERY
        )
        for _, device in due:
            async with self.store.transaction(Scope(device[0])) as tx:
                parts = await self._measured_parts(tx, device, now)
            self._measured[device] = [part for part in parts if part.points > 0]
            self._measured_at[device] = now
            if self.timer() - began > self.budget_s:
                break

    async def _learn_series(self, tx: AsyncConnection) -> None:
        columns = (series.c.organisation_id, series.c.device_id, series.c.id, series.c.name)
        query = select(*columns).where(series.c.name.in_(NAMES), series.c.id > self._newest_series)
        for row in await tx.execute(query):
            self._series.setdefault((row.organisation_id, row.device_id), []).append(Known(row.id, row.name))
            self._newest_series = max(self._newest_series, row.id)

    async def _measured_parts(self, tx: AsyncConnection, device: Device, now: datetime) -> list[Part]:
        known = self._series.get(device, [])
        now_ms = int(now.timestamp() * 1000)
        wanted = [one.id for one in known]
        columns = await samples.read(tx, *device, wanted, now_ms - LOOK_BACK_MS, now_ms + FRESH_MS) if wanted else {}
        before = self.standings.get(device)
        parts = measured_parts(known, columns, now, before.since if before else {})
        lines, usual = await rows.load_errors(tx, device, now)
        points = degradation.errors_logged(lines, usual)
        return [*parts, Part("errors", "errors", points, {"lines": lines, "usual": round(usual, 1)})]


def measured_parts(
    known: Iterable[Known], columns: samples.Columns, now: datetime, since: Mapping[str, datetime]
) -> list[Part]:
    """What a day of these series says of a device. since: when each part began, by what it is about."""
    levels: dict[str, float] = {}
    again = 0.0
    for one in known:
        times, values = columns.get(one.id, (np.empty(0, np.int64), np.empty(0)))
        good = np.isfinite(values)
        times, values = times[good], values[good]
        if not len(values):
            continue
        if one.name == RESTARTS:
            again += float(np.maximum(np.diff(values), 0.0).sum())
        elif one.name == BOOT:  # the kernel's own reckoning of it wanders by a second
            again += max(float(np.count_nonzero(np.abs(np.diff(values)) > 60.0)) - 1.0, 0.0)  # noqa: PLR2004 (a minute)
        elif now.timestamp() * 1000 - times[-1] <= FRESH_MS:
            levels[one.name] = float(values[-1])
    failed, updates, reboot = (levels.get(name, 0.0) for name in (FAILED, UPDATES, REBOOT))

    def waited_s(about: str) -> float:
        return (now - since.get(about, now)).total_seconds()

    return [
        Part(FAILED, FAILED, degradation.services_failed(failed), {"count": failed}),
        Part("restarts", "restarts", degradation.restarts(again), {"count": again}),
        Part(UPDATES, UPDATES, degradation.security_updates(updates, waited_s(UPDATES)), {"count": updates}),
        Part(REBOOT, REBOOT, degradation.reboot_required(waited_s(REBOOT)) if reboot else 0.0, {}),
    ]
