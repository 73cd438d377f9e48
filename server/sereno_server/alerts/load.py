"""Reading the situation of one organisation: one query a kind, all bounded by what is open or recent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_server.alerts.situation import (
    Anomaly,
    Condition,
    Device,
    Firing,
    Forecast,
    KnownTicket,
    Notice,
    Situation,
    Window,
)
from sereno_server.alerts.sources.forecasts import FULL_RATIO
from sereno_server.alerts.sources.notices import FRESH_S
from sereno_server.alerts.stages.stabilise import FLAP_WINDOW_S
from sereno_server.prediction.muting import anomaly_muted, muted_here
from sereno_server.store.tables import alerts, anomalies, conditions, devices, forecasts, maintenance, notices, tickets


async def load(tx: AsyncConnection, now: datetime, up_since: datetime) -> Situation:
    """Everything the stages decide on, as this transaction, scoped to one organisation, sees it."""
    firing = await _firing(tx)
    return Situation(
        now=now,
        up_since=up_since,
        devices=await _devices(tx),
        forecasts=await _forecasts(tx),
        anomalies=await _anomalies(tx),
        conditions=await _conditions(tx),
        notices=await _notices(tx, now),
        windows=await _windows(tx, now),
        firing=firing,
        opened_lately=await _opened_lately(tx, now),
        tickets=await _tickets(tx, now, [alert.ticket_id for alert in firing.values() if alert.ticket_id]),
    )


async def _devices(tx: AsyncConnection) -> dict[str, Device]:
    table = devices.c
    query = select(
        table.id, table.name, table.site, table.parent_id, table.last_seen, table.connected_at, table.clock_offset_ms
    )
    rows = await tx.execute(query.where(table.revoked_at.is_(None)))
    return {
        row.id: Device(
            id=row.id,
            name=row.name,
            site=row.site,
            parent_id=row.parent_id,
            last_seen=row.last_seen,
            connected=row.connected_at is not None,
            clock_offset_ms=row.clock_offset_ms or 0,
        )
        for row in rows
    }


async def _forecasts(tx: AsyncConnection) -> tuple[Forecast, ...]:
    names = list(Forecast.__dataclass_fields__)
    query = select(*(forecasts.c[name] for name in names)).where(forecasts.c.state == "open")
    rows = await tx.execute(
        query.where(or_(~muted_here(forecasts), forecasts.c.value >= FULL_RATIO * forecasts.c.capacity))
    )
    return tuple(Forecast(**row) for row in rows.mappings())


async def _anomalies(tx: AsyncConnection) -> tuple[Anomaly, ...]:
    names = list(Anomaly.__dataclass_fields__)
    query = select(*(anomalies.c[name] for name in names)).where(anomalies.c.state == "open", ~anomaly_muted())
    rows = await tx.execute(query)
    return tuple(Anomaly(**row) for row in rows.mappings())


async def _conditions(tx: AsyncConnection) -> tuple[Condition, ...]:
    names = list(Condition.__dataclass_fields__)
    rows = await tx.execute(select(*(conditions.c[name] for name in names)).where(conditions.c.closed_at.is_(None)))
    return tuple(Condition(**row) for row in rows.mappings())


async def _notices(tx: AsyncConnection, now: datetime) -> tuple[Notice, ...]:
    names = list(Notice.__dataclass_fields__)
    fresh = notices.c.at >= now - timedelta(seconds=FRESH_S)
    rows = await tx.execute(select(*(notices.c[name] for name in names)).where(fresh))
    return tuple(Notice(**row) for row in rows.mappings())


async def _windows(tx: AsyncConnection, now: datetime) -> tuple[Window, ...]:
    names = list(Window.__dataclass_fields__)
    rows = await tx.execute(
        select(*(maintenance.c[name] for name in names)).where(
            maintenance.c.starts_at <= now, maintenance.c.ends_at > now
        )
    )
    return tuple(Window(**row) for row in rows.mappings())


async def _firing(tx: AsyncConnection) -> dict[str, Firing]:
    rows = await tx.execute(select(alerts).where(alerts.c.state == "firing"))
    return {row["fingerprint"]: _fired(row) for row in rows.mappings()}


def _fired(row: Mapping[Any, Any]) -> Firing:
    names = set(Firing.__dataclass_fields__) - {"resource", "growth_per_s"}
    return Firing(
        **{name: row[name] for name in names},
        resource=row["fingerprint"].split(":", 3)[2],
        growth_per_s=float(row["figures"].get("growth_per_s", 0.0)),
    )


async def _opened_lately(tx: AsyncConnection, now: datetime) -> dict[str, int]:
    since = now - timedelta(seconds=FLAP_WINDOW_S)
    rows = await tx.execute(
        select(alerts.c.fingerprint, func.count().label("times"))
        .where(alerts.c.opened_at >= since)
        .group_by(alerts.c.fingerprint)
        .having(func.count() > 1)
    )
    return {row.fingerprint: row.times for row in rows}


async def _tickets(tx: AsyncConnection, now: datetime, ids: list[str]) -> dict[str, KnownTicket]:
    """Tickets that are open, resolved within the window, or own a firing alert; an open one wins its fingerprint."""
    table = tickets.c
    since = now - timedelta(seconds=limits.TICKET_REOPEN_WINDOW_S)
    rows = await tx.execute(
        select(table.id, table.fingerprint, table.device_id, table.title, table.priority, table.state)
        .where(or_(table.state == "open", table.resolved_at >= since, table.id.in_(ids)))
        .order_by((table.state == "open"), table.opened_at)
    )
    return {
        row.fingerprint: KnownTicket(
            row.id, row.fingerprint, row.device_id, row.title, row.priority, open=row.state == "open"
        )
        for row in rows
    }
