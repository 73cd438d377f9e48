"""One series over any stretch of time, as finely as it is looked at: samples, or rollups of 5 minutes or hours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import FIVE_MINUTES_DAYS, SAMPLE_DAYS
from sereno_server.store import rollups, samples
from sereno_server.store.blocks import Float64, Int64
from sereno_server.store.rates import rate
from sereno_server.store.rollup import DAY_MS, FIVE_MINUTES_MS, HOUR_MS, Stretches, by_series, coarser

BEFORE_MS = 300_000  # a rate needs the sample before
FLEET_DEVICES_MAX = 200  # in one answer

_NAMED = text("""
    SELECT series.device_id, devices.name AS device, series.id, series.text, series.kind
    FROM series JOIN devices ON devices.organisation_id = series.organisation_id AND devices.id = series.device_id
    WHERE series.organisation_id = :organisation AND series.name = :name AND devices.revoked_at IS NULL
      AND devices.name > :after AND devices.name IN (
        SELECT DISTINCT devices.name FROM series JOIN devices
          ON devices.organisation_id = series.organisation_id AND devices.id = series.device_id
        WHERE series.organisation_id = :organisation AND series.name = :name AND devices.revoked_at IS NULL
          AND devices.name > :after ORDER BY devices.name LIMIT :devices
      )
    ORDER BY devices.name, series.text
""")


@dataclass(frozen=True)
class Measured:
    """A series of a device over time."""

    device_id: str
    device: str
    series_id: int
    text: str
    over_time: Stretches


def step_ms(start_ms: int, end_ms: int, points: int, now_ms: int) -> int:
    """How wide the stretches of so many points are; 0 for samples as they came, where these are few and still kept."""
    wanted = (end_ms - start_ms) / points
    age_days = (now_ms - start_ms) / DAY_MS
    if wanted >= HOUR_MS or age_days > FIVE_MINUTES_DAYS:
        return HOUR_MS * max(1, round(wanted / HOUR_MS))
    if wanted >= FIVE_MINUTES_MS or age_days > SAMPLE_DAYS:
        return FIVE_MINUTES_MS * max(1, round(wanted / FIVE_MINUTES_MS))
    return 0


async def history(  # noqa: PLR0917 (of what, from when to when, how fine)
    tx: AsyncConnection,
    of: tuple[str, str],
    series: tuple[int, str],
    start_ms: int,
    end_ms: int,
    points: int,
    now_ms: int,
) -> Stretches:
    """The series with start_ms <= time < end_ms in at most about so many stretches.

    of: organisation and device; series: id and kind. A counter comes as rates, units a second.
    """
    (organisation_id, device_id), (series_id, kind) = of, series
    step = step_ms(start_ms, end_ms, points, now_ms)
    if step:
        over = rollups.Range(start_ms, end_ms, step)
        found = await rollups.read(tx, organisation_id, {device_id: {series_id}}, over)
        return found.get(device_id, {}).get(series_id) or thinned(np.empty(0, np.int64), np.empty(0), points)
    before = BEFORE_MS if kind == "counter" else 0
    read = await samples.read(tx, organisation_id, device_id, [series_id], start_ms - before, end_ms)
    times, values = read.get(series_id, (np.empty(0, np.int64), np.empty(0, np.float64)))
    if kind == "counter":
        times, values = rate(times, values)
    inside = times >= start_ms
    return thinned(times[inside], values[inside], points)


def thinned(times: Int64, values: Float64, points: int) -> Stretches:
    """At most so many stretches: the time each begins, its lowest, mean and highest value."""
    if times.size <= points:
        return Stretches(times, values, values, values, np.ones(times.size, np.int64))
    edges = np.linspace(0, times.size, points + 1).astype(np.int64)
    starts, counts = edges[:-1], np.diff(edges)
    mean = np.add.reduceat(values, starts) / counts
    lowest, highest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return Stretches(times[starts], lowest, mean, highest, counts)


async def fleet_history(
    tx: AsyncConnection, organisation_id: str, name: str, over: rollups.Range, *, after: str = "", devices: int = 100
) -> list[Measured]:
    """Every series of that name on the devices after one of that name, in order of their names."""
    page = {"organisation": organisation_id, "name": name, "after": after, "devices": min(devices, FLEET_DEVICES_MAX)}
    rows = (await tx.execute(_NAMED, page)).all()
    wanted: dict[str, set[int]] = {}
    for row in rows:
        wanted.setdefault(row.device_id, set()).add(row.id)
    if not wanted:
        return []
    found = await rollups.read(tx, organisation_id, dict(wanted), over)
    empty = thinned(np.empty(0, np.int64), np.empty(0), 1)
    return [
        Measured(row.device_id, row.device, row.id, row.text, found.get(row.device_id, {}).get(row.id, empty))
        for row in rows
    ]


def together(every: Sequence[Measured], step: int) -> Stretches:
    """All of them as one: the lowest of all, the mean, the highest of all."""
    parts = [one.over_time.rolled(0) for one in every if one.over_time.times.size]
    if not parts:
        return thinned(np.empty(0, np.int64), np.empty(0), 1)
    return by_series(coarser(parts, step), step)[0]
