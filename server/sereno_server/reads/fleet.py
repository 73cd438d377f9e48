"""Who needs me now: every device with its health, what runs out next, what changed last and its open ticket."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_server.reads import pick
from sereno_server.reads.health import RANKED, health_rank, of_device, severity_rank
from sereno_server.reads.rows import AlertRow, ChangeRow, ForecastRow, Health, TicketBrief
from sereno_server.reads.runs import waiting_runs
from sereno_server.reads.sentences import device_sentence
from sereno_server.reads.words import ENGLISH
from sereno_server.store.tables import alerts, causes, changes, degradations, devices, forecasts, organisations, tickets

T = TypeVar("T")
Sort = Literal["need", "degradation"]


@dataclass(frozen=True)
class DeviceRow:
    """One device in the fleet list. `headline` is English; pages say it in the reader's language."""

    id: str
    name: str
    health: Health
    organisation_id: str
    organisation: str
    site: str | None
    platform: str
    agent_version: str
    name_verified: bool
    joined_at: datetime
    last_seen: datetime | None
    connected: bool
    roster_version: int
    clock_offset_ms: int | None
    lockdown: bool = False  # its owner lets nothing remote act on it
    degradation: int = 0  # 0 = sound, 100 = broken
    headline: str = ""
    forecast: ForecastRow | None = None  # what runs out next
    change: ChangeRow | None = None  # the last one
    ticket: TicketBrief | None = None  # the newest open one
    alert: AlertRow | None = None  # the worst that fires


@dataclass(frozen=True)
class FleetCounts:
    """How many devices are in each state."""

    failing: int = 0
    soon: int = 0
    watch: int = 0
    silent: int = 0
    well: int = 0

    @property
    def total(self) -> int:
        return self.failing + self.soon + self.watch + self.silent + self.well

    @property
    def need_someone(self) -> int:
        return self.failing + self.soon


@dataclass(frozen=True)
class Upcoming:
    """One forecast on the horizon, with the machine, the ticket and the run that waits for a signature."""

    forecast: ForecastRow
    device_name: str
    site: str | None
    health: Health
    ticket: TicketBrief | None = None
    cause: str | None = None  # the summary of the change that most likely began it
    waiting_run_id: str | None = None


async def fleet(
    tx: AsyncConnection,
    now: datetime,
    *,
    search: str = "",
    health: Health | None = None,
    sort: Sort = "need",
    limit: int = limits.PAGE_ROWS,
    offset: int = 0,
) -> list[DeviceRow]:
    """The devices in the transaction's scope, those that need someone first, or the most degraded.

    Every word of `search` must occur in name, site, platform or id.
    """
    query = _rows(now, search)
    if health is not None:
        query = query.where(health_rank(now) == RANKED.index(health))
    order: tuple[Any, ...] = ("rank",)
    if sort == "degradation":
        order = (_degradation().desc(), "rank")
    query = query.order_by(*order, devices.c.name, devices.c.id).limit(min(limit, limits.PAGE_ROWS_MAX)).offset(offset)
    found = (await tx.execute(query)).mappings()
    return await _detailed(tx, [pick.row(DeviceRow, m, health=RANKED[m["rank"]]) for m in found], now)


async def one_device(tx: AsyncConnection, device_id: str, now: datetime) -> DeviceRow | None:
    """The row of one device by its id, as the fleet list shows it."""
    query = _rows(now, "").where(devices.c.id == device_id)
    found = (await tx.execute(query)).mappings()
    rows = await _detailed(tx, [pick.row(DeviceRow, m, health=RANKED[m["rank"]]) for m in found], now)
    return rows[0] if rows else None


async def fleet_counts(tx: AsyncConnection, now: datetime, *, search: str = "") -> FleetCounts:
    """How many devices are in each state, over the whole scope."""
    query = select(health_rank(now).label("rank"), func.count().label("n")).select_from(devices)
    found = (await tx.execute(_searched(query, search).group_by("rank"))).mappings()
    return FleetCounts(**{RANKED[m["rank"]]: m["n"] for m in found})


async def upcoming(tx: AsyncConnection, now: datetime, limit: int = 50) -> list[Upcoming]:
    """Every open forecast with a time, the soonest first."""
    query = (
        select(*pick.columns(ForecastRow, forecasts), devices.c.name, devices.c.site, health_rank(now).label("rank"))
        .join_from(forecasts, devices, of_device(forecasts))
        .where(forecasts.c.state == "open", forecasts.c.full_at.is_not(None), devices.c.revoked_at.is_(None))
        .order_by(forecasts.c.full_at)
        .limit(limit)
    )
    found = list((await tx.execute(query)).mappings())
    by_forecast = await _tickets_of_forecasts(tx, [m["id"] for m in found])
    likely = await _top_causes(tx, [ticket.id for ticket in by_forecast.values()])
    waiting = {run.ticket_id: run.id for run in await waiting_runs(tx, now)}
    rows: list[Upcoming] = []
    for m in found:
        ticket = by_forecast.get(m["id"])
        rows.append(
            Upcoming(
                forecast=pick.row(ForecastRow, m),
                device_name=m["name"],
                site=m["site"],
                health=RANKED[m["rank"]],
                ticket=ticket,
                cause=likely.get(ticket.id) if ticket else None,
                waiting_run_id=waiting.get(ticket.id) if ticket else None,
            )
        )
    return rows


def _rows(now: datetime, search: str) -> Select[Any]:
    query = select(
        *pick.columns(DeviceRow, devices),
        devices.c.connected_at.is_not(None).label("connected"),
        func.coalesce(devices.c.status["lockdown"].as_boolean(), False).label("lockdown"),
        organisations.c.name.label("organisation"),
        health_rank(now).label("rank"),
        _degradation().label("degradation"),
    ).join_from(devices, organisations, organisations.c.organisation_id == devices.c.organisation_id)
    return _searched(query.outerjoin(degradations, of_device(degradations)), search)


def _degradation() -> ColumnElement[int]:
    return func.coalesce(degradations.c.score, 0)


def _searched(query: Select[Any], search: str) -> Select[Any]:
    query = query.where(devices.c.revoked_at.is_(None))
    for word in search.split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (devices.c.name, devices.c.site, devices.c.platform, devices.c.id)
        query = query.where(or_(*(column.ilike(pattern) for column in columns)))
    return query


async def _detailed(tx: AsyncConnection, rows: list[DeviceRow], now: datetime) -> list[DeviceRow]:
    ids = [row.id for row in rows]
    if not ids:
        return rows
    next_out = await _first_by_device(
        tx,
        ForecastRow,
        select(*pick.columns(ForecastRow, forecasts, but=("path",)))
        .where(forecasts.c.device_id.in_(ids), forecasts.c.state == "open", forecasts.c.full_at.is_not(None))
        .ext(distinct_on(forecasts.c.device_id))
        .order_by(forecasts.c.device_id, forecasts.c.full_at),
    )
    last_change = await _first_by_device(
        tx,
        ChangeRow,
        select(*pick.columns(ChangeRow, changes))
        .where(changes.c.device_id.in_(ids))
        .ext(distinct_on(changes.c.device_id))
        .order_by(changes.c.device_id, changes.c.at.desc()),
    )
    worst = await _first_by_device(
        tx,
        AlertRow,
        select(*pick.columns(AlertRow, alerts))
        .where(alerts.c.device_id.in_(ids), alerts.c.state == "firing")
        .ext(distinct_on(alerts.c.device_id))
        .order_by(alerts.c.device_id, severity_rank(), alerts.c.opened_at),
    )
    open_ticket = await _first_by_device(
        tx,
        TicketBrief,
        select(*pick.columns(TicketBrief, tickets), tickets.c.device_id)
        .where(tickets.c.device_id.in_(ids), tickets.c.state == "open")
        .ext(distinct_on(tickets.c.device_id))
        .order_by(tickets.c.device_id, tickets.c.number.desc()),
    )
    detailed = [
        replace(
            row,
            forecast=next_out.get(row.id),
            change=last_change.get(row.id),
            alert=worst.get(row.id),
            ticket=open_ticket.get(row.id),
        )
        for row in rows
    ]
    return [replace(row, headline=device_sentence(row, now, ENGLISH)) for row in detailed]


async def _first_by_device(tx: AsyncConnection, kind: type[T], query: Select[Any]) -> dict[str, T]:
    return {m["device_id"]: pick.row(kind, m) for m in (await tx.execute(query)).mappings()}


async def _tickets_of_forecasts(tx: AsyncConnection, forecast_ids: Sequence[str]) -> dict[str, TicketBrief]:
    query = (
        select(*pick.columns(TicketBrief, tickets), alerts.c.forecast_id)
        .join_from(
            alerts,
            tickets,
            and_(alerts.c.organisation_id == tickets.c.organisation_id, alerts.c.ticket_id == tickets.c.id),
        )
        .where(alerts.c.forecast_id.in_(forecast_ids))
        .order_by(tickets.c.number)
    )
    return {m["forecast_id"]: pick.row(TicketBrief, m) for m in (await tx.execute(query)).mappings()}


async def _top_causes(tx: AsyncConnection, ticket_ids: Sequence[str]) -> dict[str, str]:
    query = (
        select(causes.c.ticket_id, changes.c.summary)
        .join_from(
            causes,
            changes,
            and_(causes.c.organisation_id == changes.c.organisation_id, causes.c.change_id == changes.c.id),
        )
        .where(causes.c.ticket_id.in_(ticket_ids))
        .ext(distinct_on(causes.c.ticket_id))
        .order_by(causes.c.ticket_id, causes.c.rank)
    )
    return {m["ticket_id"]: m["summary"] for m in (await tx.execute(query)).mappings()}
