"""One device: is it well, what runs out, what changed, what was found, who touched it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.reads import pick
from sereno_server.reads.fleet import DeviceRow, one_device
from sereno_server.reads.ledger import ledger_of
from sereno_server.reads.resources import ResourceRow, SeriesRow, bounded
from sereno_server.reads.rows import (
    AlertRow,
    CauseRow,
    ChangeRow,
    FindingRow,
    ForecastRow,
    LedgerRow,
    NoticeRow,
    RunRow,
)
from sereno_server.reads.runs import runs_of
from sereno_server.reads.tickets import causes_of
from sereno_server.store import samples
from sereno_server.store.tables import alerts, changes, devices, findings, forecasts, notices
from sereno_server.store.tables import series as series_table


@dataclass(frozen=True)
class DeviceView:
    """Everything a device's page shows, but its samples."""

    device: DeviceRow
    status: dict[str, Any]
    facts: dict[str, Any]
    forecasts: tuple[ForecastRow, ...]  # open ones, the soonest first
    alerts: tuple[AlertRow, ...]  # firing ones
    changes: tuple[ChangeRow, ...]  # the newest first
    findings: tuple[FindingRow, ...]  # the newest first
    runs: tuple[RunRow, ...]
    notices: tuple[NoticeRow, ...]
    touched: tuple[LedgerRow, ...]  # the server's ledger about it, the newest first
    resources: tuple[ResourceRow, ...]  # bounded ones, those that run out first at the top
    causes: tuple[CauseRow, ...]  # of its open ticket, the likeliest first
    series_count: int


async def device_row(tx: AsyncConnection, id_or_name: str, now: datetime) -> DeviceRow:
    """One device by id or name as the fleet list shows it; raises E_NOT_FOUND."""
    query = select(devices.c.id).where(
        or_(devices.c.id == id_or_name, devices.c.name == id_or_name), devices.c.revoked_at.is_(None)
    )
    device_id = await tx.scalar(query)
    row = await one_device(tx, device_id, now) if device_id else None
    if row is None:
        raise BadInput("E_NOT_FOUND", f"no device {id_or_name}")
    return row


async def device(tx: AsyncConnection, id_or_name: str, now: datetime) -> DeviceView:
    """One device by id or name; raises E_NOT_FOUND."""
    query = select(devices.c.id, devices.c.status, devices.c.facts).where(
        or_(devices.c.id == id_or_name, devices.c.name == id_or_name), devices.c.revoked_at.is_(None)
    )
    found = (await tx.execute(query)).mappings().first()
    row = await one_device(tx, found["id"], now) if found else None
    if found is None or row is None:
        raise BadInput("E_NOT_FOUND", f"no device {id_or_name}")
    runs = await runs_of(tx, device_id=row.id, limit=20)
    forecasts_now = await open_forecasts(tx, row.id)
    series = await series_of(tx, row.organisation_id, row.id)
    return DeviceView(
        device=row,
        status=dict(found["status"] or {}),
        facts=dict(found["facts"] or {}),
        forecasts=forecasts_now,
        alerts=await _alerts(tx, row.id),
        changes=await changes_of(tx, row.id, limit=20),
        findings=(*failing_collectors(row.id, found["status"], now), *await _findings(tx, row.id)),
        runs=tuple(runs),
        notices=await _notices(tx, row.id),
        resources=tuple(bounded(series, list(forecasts_now))),
        causes=await causes_of(tx, row.ticket.id) if row.ticket else (),
        series_count=len(series),
        touched=tuple(await ledger_of(tx, [row.id, *(r.id for r in runs)], limit=40)),
    )


async def series_of(tx: AsyncConnection, organisation_id: str, device_id: str) -> list[SeriesRow]:
    """Every series of a device with its latest value."""
    latest = await samples.latest(tx, organisation_id, device_id)
    query = select(*pick.columns(SeriesRow, series_table)).where(
        series_table.c.organisation_id == organisation_id, series_table.c.device_id == device_id
    )
    rows = []
    for m in (await tx.execute(query.order_by(series_table.c.text))).mappings():
        at_ms, value = latest.get(m["id"], (None, None))
        rows.append(pick.row(SeriesRow, m, value=value, at_ms=at_ms))
    return rows


async def open_forecasts(tx: AsyncConnection, device_id: str) -> tuple[ForecastRow, ...]:
    """The open forecasts of a device, the soonest first, those without a time last."""
    query = (
        select(*pick.columns(ForecastRow, forecasts))
        .where(forecasts.c.device_id == device_id, forecasts.c.state == "open")
        .order_by(forecasts.c.full_at.nulls_last())
    )
    return tuple(pick.row(ForecastRow, m) for m in (await tx.execute(query)).mappings())


async def changes_of(
    tx: AsyncConnection,
    device_id: str,
    *,
    limit: int = limits.PAGE_ROWS,
    before: str = "",
    kinds: Sequence[str] = (),
    search: str = "",
) -> tuple[ChangeRow, ...]:
    """What changed on a device, the newest first; every word of `search` must occur in summary, diff or who.

    before: the id of a change; those older than it. Many may have happened at the same moment.
    """
    query = select(*pick.columns(ChangeRow, changes)).where(changes.c.device_id == device_id)
    if kinds:
        query = query.where(changes.c.kind.in_(kinds))
    for word in search.split():
        columns = (changes.c.summary, changes.c.object, changes.c.diff, changes.c.who)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    if before:
        last = select(changes.c.at, changes.c.id).where(changes.c.device_id == device_id, changes.c.id == before)
        query = query.where(tuple_(changes.c.at, changes.c.id) < last.scalar_subquery())
    query = query.order_by(changes.c.at.desc(), changes.c.id.desc()).limit(limit)
    return tuple(pick.row(ChangeRow, m) for m in (await tx.execute(query)).mappings())


async def change_kinds(tx: AsyncConnection, device_id: str) -> dict[str, int]:
    """How many changes of each kind a device has told."""
    query = select(changes.c.kind, func.count().label("n")).where(changes.c.device_id == device_id)
    return {row.kind: row.n for row in await tx.execute(query.group_by(changes.c.kind).order_by(changes.c.kind))}


async def _alerts(tx: AsyncConnection, device_id: str) -> tuple[AlertRow, ...]:
    query = (
        select(*pick.columns(AlertRow, alerts))
        .where(alerts.c.device_id == device_id, alerts.c.state == "firing")
        .order_by(alerts.c.opened_at)
    )
    return tuple(pick.row(AlertRow, m) for m in (await tx.execute(query)).mappings())


async def _findings(tx: AsyncConnection, device_id: str) -> tuple[FindingRow, ...]:
    query = (
        select(*pick.columns(FindingRow, findings))
        .where(findings.c.device_id == device_id)
        .order_by(findings.c.at.desc(), findings.c.id)
        .limit(12)
    )
    return tuple(pick.row(FindingRow, m) for m in (await tx.execute(query)).mappings())


def failing_collectors(device_id: str, status: Mapping[str, Any] | None, now: datetime) -> tuple[FindingRow, ...]:
    """A finding for each collector that fails, by what the device said last: it is gone when the collector works."""
    return tuple(
        FindingRow(
            id=f"collector-{one['name']}",
            device_id=device_id,
            ticket_id=None,
            run_id=None,
            check=f"collector {one['name']}",
            severity="note",
            title=f"The collector {one['name']} fails: {one['error']}",
            advice=f"What it measures is missing; the others go on. On the machine: sereno-agent collect {one['name']}",
            evidence=(("failures", str(one["failures"])),),
            figures={"failures": one["failures"]},
            duration_ms=one["mean_ms"],
            at=now,
        )
        for one in (status or {}).get("collectors", ())
        if one["error"]
    )


async def status_of(tx: AsyncConnection, device_id: str) -> dict[str, Any]:
    """What the device said of itself last; empty when it never did."""
    found = await tx.execute(select(devices.c.status).where(devices.c.id == device_id))
    return dict(found.scalar_one_or_none() or {})


async def _notices(tx: AsyncConnection, device_id: str) -> tuple[NoticeRow, ...]:
    query = select(*pick.columns(NoticeRow, notices)).where(notices.c.device_id == device_id).order_by(notices.c.at)
    return tuple(pick.row(NoticeRow, m) for m in (await tx.execute(query)).mappings())
