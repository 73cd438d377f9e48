"""Rows of the seeded story: one function a table that others point at."""

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import ids
from sereno_server.store import samples, tables
from sereno_server.store.samples import SeriesKey

ORGANISATION = ids.organisation_id(b"seed")
GB = 1_000_000_000


def device_id(name: str) -> str:
    return ids.device_id(name.encode())


async def put(tx: AsyncConnection, table: Table, **values: object) -> None:
    await tx.execute(insert(table).values(organisation_id=ORGANISATION, **values))


async def _series_id(tx: AsyncConnection, device: str, key: SeriesKey) -> int:
    return (await samples.name_series(tx, ORGANISATION, device_id(device), [key]))[key]


async def forecast(
    tx: AsyncConnection, now: datetime, device: str, *, resource: str, object_: str, hours: float, **more: object
) -> str:
    """One open forecast of a filesystem, memory, … and its id."""
    forecast_id = ids.new_id("fct")
    key = (
        SeriesKey("memory_used_bytes")
        if resource == "memory"
        else SeriesKey("filesystem_used_bytes", (("mount", object_),))
    )
    full_at = now + timedelta(hours=hours)
    value, capacity = 32.4 * GB, 40.0 * GB
    low, high = hours * 0.81, hours * 1.33
    steps = np.linspace(0, high, 25)
    path = [
        [
            int((now + timedelta(hours=float(h))).timestamp() * 1000),
            min(value + (capacity - value) * h / high, capacity),
            min(value + (capacity - value) * h / hours, capacity),
            min(value + (capacity - value) * h / low, capacity),
        ]
        for h in steps
    ]
    values: dict[str, object] = {
        "id": forecast_id,
        "device_id": device_id(device),
        "series_id": await _series_id(tx, device, key),
        "predictor": "exhaustion",
        "resource": resource,
        "object": object_,
        "state": "open",
        "made_at": now - timedelta(minutes=7),
        "updated_at": now - timedelta(seconds=20),
        "full_at": full_at,
        "full_at_low": now + timedelta(hours=low),
        "full_at_high": now + timedelta(hours=high),
        "first_full_at": full_at,
        "onset_at": now - timedelta(hours=6, minutes=8),
        "confidence": 0.94,
        "value": value,
        "capacity": capacity,
        "growth_per_s": 1.7 * GB / 3600,
        "path": path,
    }
    await put(tx, tables.forecasts, **(values | more))
    return forecast_id


async def change(
    tx: AsyncConnection, at: datetime, object_: str, summary: str, *, diff: str = "", who: str = "", kind: str = "file"
) -> str:
    """One change on srv-files-02, and its id."""
    change_id = ids.new_id("chg")
    await put(
        tx,
        tables.changes,
        id=change_id,
        device_id=device_id("srv-files-02"),
        kind=kind,
        object=object_,
        name=object_.rsplit("/", 1)[-1],
        summary=summary,
        diff=diff,
        who=who,
        before_digest="sha256:" + "1" * 64,
        after_digest="sha256:" + "2" * 64,
        at=at,
        received_at=at,
    )
    return change_id


async def alert(
    tx: AsyncConnection, now: datetime, device: str, ticket_id: str | None, forecast_id: str, **more: object
) -> None:
    """One alert on a forecast."""
    values: dict[str, object] = {
        "id": ids.new_id("alr"),
        "fingerprint": f"{device}/{forecast_id}",
        "device_id": device_id(device),
        "kind": "exhaustion",
        "object": "/var",
        "severity": "soon",
        "title": f"/var on {device} will be full",
        "state": "firing",
        "opened_at": now,
        "last_at": now,
        "ticket_id": ticket_id,
        "forecast_id": forecast_id,
        "figures": {},
    }
    await put(tx, tables.alerts, **(values | more))
