"""What would Sereno have told of this device? Its stored history through the production code, with what happened."""

import asyncio
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from pydantic import TypeAdapter
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, SerenoError
from sereno_server.prediction.device_replay import OPEN, DeviceReplay, Named, Ran, Said
from sereno_server.prediction.lifecycle import moment
from sereno_server.prediction.read_onset import onset_of
from sereno_server.prediction.slots import SLOT_MS
from sereno_server.prediction.unusual import Device
from sereno_server.prediction.watch import THIN_STEP_S
from sereno_server.store import samples
from sereno_server.store.blocks import Float64, Int64
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import alerts, changes, devices, log_lines, maintenance, runs, series

DAYS_MAX: Final = 92
# How often is looked, by the length of time: the longest span of each, and seconds between passes.
PASSES: Final = ((timedelta(hours=6), 10.0), (timedelta(days=7), 60.0), (timedelta(days=DAYS_MAX), 300.0))
LEARN = timedelta(days=30)  # before it begins, of what is bounded: as at a start of the server
LEARN_UNUSUAL = timedelta(days=7)
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
CHARTS_MAX: Final = 12
POINTS_MAX: Final = 600
HAPPENED_MAX: Final = 200
LINES_MAX: Final = 50_000
BEFORE: Final = timedelta(minutes=30)  # what went wrong so long before an anomaly still belongs to it

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Happened:
    """What really happened: an alert that was raised then, a run, a change of packages, maintenance."""

    at: datetime
    kind: str
    title: str


@dataclass(frozen=True)
class Drawing:
    """The samples of one bounded series of which something was said: ms, value; capacity is the last known."""

    series_id: int
    resource: str
    object: str
    times: Sequence[int]
    values: Sequence[float]
    capacity: float


@dataclass(frozen=True)
class Report:
    """The whole answer. said: in order of time. samples: how many were read."""

    device: str
    start: datetime
    end: datetime
    pass_s: float
    samples: int
    said: tuple[Said, ...]
    happened: tuple[Happened, ...]
    drawings: tuple[Drawing, ...] = field(default=(), repr=False)

    def count(self, kind: str, outcome: str) -> int:
        """How many of a kind had that outcome."""
        return sum(one.kind == kind and one.outcome == outcome for one in self.said)

    @property
    def false_days(self) -> float:
        """For how long things were said that did not come true."""
        wrong = [one for one in self.said if one.outcome == "miss"]
        return sum(((one.until or self.end) - one.at).total_seconds() for one in wrong) / 86_400.0


async def find_device(store: Store, name: str) -> Device:
    """A device by name or id over all organisations. Raises E_NOT_FOUND, also when several have that name."""
    here = or_(devices.c.name == name, devices.c.id == name)
    async with store.transaction(Scope.system()) as tx:
        query = select(devices.c.organisation_id, devices.c.id).where(here, devices.c.revoked_at.is_(None))
        found = (await tx.execute(query)).all()
    if len(found) != 1:
        said = f"several organisations have a device {name}" if found else f"no device {name}"
        raise BadInput("E_NOT_FOUND", said, "name it by its id" if found else "")
    return found[0].organisation_id, found[0].id


async def backtest_device(
    store: Store, device: Device, start: datetime, end: datetime, progress: Progress = lambda _: None
) -> Report:
    """Replays what is stored between these times. Raises E_NOT_FOUND, E_BACKTEST_RANGE."""
    if not start < end:
        raise BadInput("E_BACKTEST_RANGE", "the end is not after the beginning")
    if end - start > timedelta(days=DAYS_MAX):
        raise BadInput("E_BACKTEST_RANGE", f"at most {DAYS_MAX} days at once")
    start_ms = int(start.timestamp() * 1000) // SLOT_MS * SLOT_MS
    end_ms = -(-int(end.timestamp() * 1000) // SLOT_MS) * SLOT_MS
    pass_s = next(seconds for longest, seconds in PASSES if end - start <= longest)
    async with store.transaction(Scope(device[0])) as tx:
        name = await _name(tx, device)
        named = await _named(tx, device)
        ran = await _ran(tx, device, start, end)
        oldest = await samples.oldest_ms(tx, *device)
    if not oldest or oldest >= end_ms:
        raise BadInput("E_BACKTEST_RANGE", f"nothing of {name} is stored before {end:%Y-%m-%d %H:%M} UTC")
    replay = DeviceReplay(device, named, ran, pass_s)
    stage = _Stage(store, device, replay, progress)
    await stage.learn(start_ms, max(oldest // SLOT_MS * SLOT_MS, start_ms - int(LEARN.total_seconds() * 1000)))
    await stage.play(start_ms, end_ms)
    said = [one for one in replay.end(end) if one.until is None or one.until >= start]
    async with store.transaction(Scope(device[0])) as tx:
        happened = await _happened(tx, device, start, end, ran)
        said += await _templates(tx, device, start, end)
        drawings = [await stage.drawing(tx, one, start_ms, end_ms) for one in _drawn(said)]
    judged = sorted((_judged(one, happened, end) for one in said), key=lambda one: one.at)
    progress(1.0)
    return Report(name, start, end, pass_s, stage.samples, tuple(judged), tuple(happened), tuple(drawings))


class _Stage:
    """Reads the store a day at a time and plays it."""

    def __init__(self, store: Store, device: Device, replay: DeviceReplay, progress: Progress) -> None:
        self.store = store
        self.device = device
        self.replay = replay
        self.progress = progress
        self.samples = 0

    async def learn(self, start_ms: int, since_ms: int) -> None:
        """What came before: bounded series thinned to a quarter of an hour, all others for a week."""
        unusual_ms = start_ms - int(LEARN_UNUSUAL.total_seconds() * 1000)
        for day_ms in range(since_ms, start_ms, DAY_MS):
            until_ms = min(day_ms + DAY_MS, start_ms)
            columns = await self._read(self.replay.wanted, day_ms, until_ms)
            await asyncio.to_thread(self.replay.warm_up, {key: _thin(column) for key, column in columns.items()})
            if until_ms > unusual_ms:
                every = await self._read(None, day_ms - SLOT_MS, until_ms)
                await asyncio.to_thread(self.replay.take_in, every, day_ms, until_ms, speak=False)
            self.progress(0.3 * (until_ms - since_ms) / (start_ms - since_ms))

    async def play(self, start_ms: int, end_ms: int) -> None:
        """A day at a time; the onset of what opened in a day is found in the samples up to that moment."""
        for day_ms in range(start_ms, end_ms, DAY_MS):
            until_ms = min(day_ms + DAY_MS, end_ms)
            columns = await self._read(None, day_ms - SLOT_MS, until_ms)
            self.samples += sum(int((times >= day_ms).sum()) for times, _ in columns.values())
            await asyncio.to_thread(self.replay.take_in, columns, day_ms, until_ms)
            async with self.store.transaction(Scope(self.device[0])) as tx:
                await self._find_onsets(tx)
            self.progress(0.3 + 0.65 * (until_ms - start_ms) / (end_ms - start_ms))

    async def _find_onsets(self, tx: AsyncConnection) -> None:
        for key in self.replay.fresh_forecasts:
            known = self.replay.opened_at(key)
            if known is not None and known[0] is not None:
                onset = await onset_of(tx, *self.device, key.series_id, known[0].timestamp(), known[1].timestamp())
                self.replay.began(key, moment(onset.at))
        self.replay.fresh_forecasts.clear()

    async def _read(self, wanted: Sequence[int] | None, start_ms: int, end_ms: int) -> samples.Columns:
        async with self.store.transaction(Scope(self.device[0])) as tx:
            return await samples.read(tx, *self.device, wanted, start_ms, end_ms)

    async def drawing(self, tx: AsyncConnection, one: Said, start_ms: int, end_ms: int) -> Drawing:
        """The samples of what was said, at most so many points, of each stretch the highest."""
        resource = next(found for found in self.replay.resources if found.series_id == one.series_id)
        wanted = [resource.series_id, resource.capacity_series_id]
        tops: list[tuple[int, float]] = []
        capacity, step = 0.0, max((end_ms - start_ms) // POINTS_MAX, 1)
        for day_ms in range(start_ms, end_ms, DAY_MS):
            columns = await samples.read(tx, *self.device, wanted, day_ms, min(day_ms + DAY_MS, end_ms))
            if resource.capacity_series_id in columns:
                capacity = float(columns[resource.capacity_series_id][1][-1])
            times, values = columns.get(resource.series_id, (np.empty(0, np.int64), np.empty(0)))
            if len(times):
                starts = np.concatenate([[0], np.nonzero(np.diff((times - start_ms) // step))[0] + 1])
                tops += zip(times[starts].tolist(), np.maximum.reduceat(values, starts).tolist(), strict=True)
        return Drawing(
            one.series_id, one.resource, one.object, [at for at, _ in tops], [value for _, value in tops], capacity
        )


def _thin(column: tuple[Int64, Float64]) -> tuple[Int64, Float64]:
    times, values = column
    slot = times // int(THIN_STEP_S * 1000)
    keep = np.concatenate([slot[1:] != slot[:-1], [True]]) if len(slot) else np.empty(0, bool)
    return times[keep], values[keep]


def _drawn(said: Sequence[Said]) -> list[Said]:
    """One forecast a series, those with the most to say first."""
    first: dict[int, Said] = {}
    for one in said:
        if one.kind == "forecast":
            first.setdefault(one.series_id, one)
    return list(first.values())[:CHARTS_MAX]


def _judged(one: Said, happened: Sequence[Happened], end: datetime) -> Said:
    """An anomaly by what really happened then; all else as it is."""
    if one.kind != "anomaly" or one.outcome == OPEN:
        return one
    began = one.onset_at or one.at
    for other in happened:
        if other.kind in {"maintenance", "run", "package"} and began - BEFORE <= other.at <= one.at:
            return replace(one, outcome="withdrawn", why=other.title)
    wrong = [other for other in happened if other.kind == "alert" and began - BEFORE <= other.at <= (one.until or end)]
    if wrong:
        lead_s = max((wrong[0].at - one.at).total_seconds(), 0.0)
        return replace(one, outcome="hit", why=wrong[0].title, lead_s=lead_s)
    return replace(one, outcome="miss", why="nothing else came of it")


async def _name(tx: AsyncConnection, device: Device) -> str:
    found = await tx.scalar(
        select(devices.c.name).where(devices.c.organisation_id == device[0], devices.c.id == device[1])
    )
    if found is None:
        raise BadInput("E_NOT_FOUND", f"no device {device[1]}")
    return str(found)


async def _named(tx: AsyncConnection, device: Device) -> list[Named]:
    query = select(*(series.c[name] for name in Named.__dataclass_fields__))
    here = (series.c.organisation_id == device[0], series.c.device_id == device[1])
    return [Named(**row) for row in (await tx.execute(query.where(*here))).mappings()]


async def _ran(tx: AsyncConnection, device: Device, start: datetime, end: datetime) -> list[Ran]:
    query = select(runs.c.playbook, runs.c.created_at, runs.c.finished_at, runs.c.state).where(
        runs.c.organisation_id == device[0],
        runs.c.device_id == device[1],
        or_(runs.c.state == "executing", runs.c.finished_at >= start),
        runs.c.created_at <= end,
        runs.c.state.in_(("executing", "succeeded", "failed")),
    )
    rows = await tx.execute(query.order_by(runs.c.created_at))
    return [Ran(row.playbook, row.created_at, row.finished_at, row.state == "succeeded") for row in rows]


async def _happened(
    tx: AsyncConnection, device: Device, start: datetime, end: datetime, ran: Sequence[Ran]
) -> list[Happened]:
    here = (alerts.c.organisation_id == device[0], alerts.c.device_id == device[1])
    raised = select(alerts.c.opened_at, alerts.c.title).where(
        *here, alerts.c.kind != "anomaly", alerts.c.opened_at.between(start - BEFORE, end)
    )
    found = [Happened(row.opened_at, "alert", row.title) for row in await tx.execute(raised.limit(HAPPENED_MAX))]
    upgraded = select(changes.c.at, changes.c.summary).where(
        changes.c.organisation_id == device[0],
        changes.c.device_id == device[1],
        changes.c.kind == "package",
        changes.c.at.between(start - BEFORE, end),
    )
    found += [Happened(row.at, "package", row.summary) for row in await tx.execute(upgraded.limit(HAPPENED_MAX))]
    site = select(devices.c.site).where(devices.c.organisation_id == device[0], devices.c.id == device[1])
    for_all = maintenance.c.device_id.is_(None) & (
        maintenance.c.site.is_(None) | (maintenance.c.site == site.scalar_subquery())
    )
    announced = select(maintenance.c.starts_at, maintenance.c.reason).where(
        maintenance.c.organisation_id == device[0],
        maintenance.c.starts_at.between(start - BEFORE, end),
        or_(maintenance.c.device_id == device[1], for_all),
    )
    found += [Happened(row.starts_at, "maintenance", row.reason) for row in await tx.execute(announced)]
    found += [Happened(run.began, "run", run.playbook) for run in ran if run.began >= start - BEFORE]
    return sorted(found, key=lambda one: one.at)[:HAPPENED_MAX]


async def _templates(tx: AsyncConnection, device: Device, start: datetime, end: datetime) -> list[Said]:
    """New and bursting templates of warnings and worse, hour by hour, as the device's page tells them."""
    from sereno_server.reads.said import learned_templates, state_of  # noqa: PLC0415 (a view, which loads more)

    first_ms, last_ms = int(start.timestamp() * 1000) - DAY_MS, int(end.timestamp() * 1000)
    query = (
        select(log_lines.c.at_ms, log_lines.c.severity, log_lines.c.source, log_lines.c.text)
        .where(
            log_lines.c.organisation_id == device[0],
            log_lines.c.device_id == device[1],
            log_lines.c.at_ms.between(first_ms, last_ms),
        )
        .order_by(log_lines.c.at_ms)
        .limit(LINES_MAX)
    )
    lines = [tuple(line) for line in await tx.execute(query)]
    hours: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for (at_ms, _, source, _), template in zip(lines, await asyncio.to_thread(learned_templates, lines), strict=True):
        hours[source, template][(at_ms - first_ms) // HOUR_MS] += 1
    found = []
    for (source, template), counts in hours.items():
        was = "usual"
        for hour in sorted(counts):
            state = state_of(tuple(counts[one] for one in range(hour - 23, hour + 1)))
            at = datetime.fromtimestamp((first_ms + (hour + 1) * HOUR_MS) / 1000, start.tzinfo)
            if state not in {"usual", was} and start <= at <= end:
                found.append(Said("template", at, template, resource=source, object=state, outcome=""))
            was = state
    return found


async def _main(organisation_id: str, device_id: str, start: str, end: str) -> None:
    store = await Store.open(os.environ["SERENO_DATABASE_URL"])
    said = 0.0

    def progress(share: float) -> None:
        nonlocal said
        if share >= said:
            sys.stderr.write(f"{share:.3f}\n")
            sys.stderr.flush()
            said = share + 0.01

    try:
        times = datetime.fromisoformat(start), datetime.fromisoformat(end)
        report = await backtest_device(store, (organisation_id, device_id), *times, progress)
        sys.stdout.buffer.write(TypeAdapter(Report).dump_json(report))
    finally:
        await store.close()


if __name__ == "__main__":  # ORGANISATION DEVICE FROM TO: the report as JSON, progress on standard error
    os.nice(5)
    try:
        asyncio.run(_main(*sys.argv[1:5]))
    except SerenoError as error:
        sys.exit(str(error))
