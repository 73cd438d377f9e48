"""Tickets: the list, and one with its six links: predicted, cause, findings, fix, approval, proof."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.reads import pick
from sereno_server.reads.health import of_device
from sereno_server.reads.rows import (
    AlertRow,
    CauseRow,
    ChangeRow,
    DeviceBrief,
    EventRow,
    FindingRow,
    ForecastRow,
    RunRow,
    TicketBrief,
)
from sereno_server.reads.runs import RunView, run, runs_of
from sereno_server.store.tables import alerts, causes, changes, devices, findings, forecasts, ratings, runs, timeline
from sereno_server.store.tables import tickets as table


@dataclass(frozen=True)
class TicketRow:
    """One ticket in a list."""

    id: str
    number: int
    title: str
    state: str  # open, resolved, closed
    stage: str
    priority: int
    device_id: str
    device_name: str
    assignee: str | None
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    full_at: datetime | None = None  # of its open forecast
    waiting_run_id: str | None = None  # the run that waits for a signature

    @property
    def label(self) -> str:
        return f"T-{self.number}"


@dataclass(frozen=True)
class TicketView:
    """One case with all its evidence. `run` is the run that matters now: the newest that was not superseded."""

    id: str
    number: int
    title: str
    state: str
    stage: str
    priority: int
    assignee: str | None
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    version: int
    device: DeviceBrief
    alerts: tuple[AlertRow, ...]
    forecast: ForecastRow | None
    causes: tuple[CauseRow, ...]
    findings: tuple[FindingRow, ...]  # of the diagnosis; a run's own are in run_findings
    run_findings: tuple[FindingRow, ...]
    run: RunView | None
    runs: tuple[RunRow, ...]
    timeline: tuple[EventRow, ...]  # the newest first

    @property
    def label(self) -> str:
        return f"T-{self.number}"

    @property
    def brief(self) -> TicketBrief:
        return TicketBrief(self.id, self.number, self.title, self.state, self.stage)


@dataclass(frozen=True)
class TicketCounts:
    """How many tickets are open, and how many of them wait for a signature."""

    open: int
    waiting: int
    solved: int


_WAITING = and_(runs.c.organisation_id == table.c.organisation_id, runs.c.ticket_id == table.c.id)


async def tickets(
    tx: AsyncConnection,
    now: datetime,
    *,
    state: Literal["open", "solved", "all"] = "open",
    search: str = "",
    limit: int = limits.PAGE_ROWS,
    offset: int = 0,
) -> list[TicketRow]:
    """Tickets by urgency: open ones by priority and time left, solved ones by when they were solved."""
    full_at = (
        select(func.min(forecasts.c.full_at))
        .join_from(
            alerts,
            forecasts,
            and_(alerts.c.organisation_id == forecasts.c.organisation_id, alerts.c.forecast_id == forecasts.c.id),
        )
        .where(
            alerts.c.organisation_id == table.c.organisation_id,
            alerts.c.ticket_id == table.c.id,
            forecasts.c.state == "open",
        )
        .scalar_subquery()
        .label("full_at")
    )
    waiting = (
        select(func.max(runs.c.id))
        .where(_WAITING, runs.c.state == "planned", or_(runs.c.expires_at.is_(None), runs.c.expires_at > now))
        .scalar_subquery()
        .label("waiting_run_id")
    )
    query = select(*pick.columns(TicketRow, table), devices.c.name.label("device_name"), full_at, waiting).join_from(
        table, devices, of_device(table)
    )
    if state == "open":
        query = query.where(table.c.state == "open").order_by(table.c.priority, full_at, table.c.number)
    else:
        if state == "solved":
            query = query.where(table.c.state != "open")
        query = query.order_by(func.coalesce(table.c.resolved_at, table.c.opened_at).desc(), table.c.number.desc())
    for word in search.split():
        text = func.concat_ws(" ", "T-" + func.cast(table.c.number, table.c.title.type), table.c.title, devices.c.name)
        query = query.where(text.icontains(word, autoescape=True))
    query = query.limit(min(limit, limits.PAGE_ROWS_MAX)).offset(offset)
    return [pick.row(TicketRow, m) for m in (await tx.execute(query)).mappings()]


async def ticket_counts(tx: AsyncConnection, now: datetime) -> TicketCounts:
    """For the navigation and the headline."""
    is_open = table.c.state == "open"
    counted = (
        await tx.execute(select(func.count().filter(is_open), func.count().filter(~is_open)).select_from(table))
    ).one()
    waiting = await tx.execute(
        select(func.count())
        .select_from(runs)
        .where(runs.c.state == "planned", or_(runs.c.expires_at.is_(None), runs.c.expires_at > now))
    )
    return TicketCounts(open=counted[0], waiting=waiting.scalar_one(), solved=counted[1])


async def ticket(tx: AsyncConnection, id_or_number: str) -> TicketView:
    """One ticket by id, `T-17` or `17`; raises E_NOT_FOUND."""
    plain = id_or_number.upper().removeprefix("T-")
    wanted = table.c.number == int(plain) if plain.isascii() and plain.isdigit() else table.c.id == id_or_number
    found = (await tx.execute(select(table).where(wanted))).mappings().first()
    if found is None:
        raise BadInput("E_NOT_FOUND", f"no ticket {id_or_number}")
    ticket_id: str = found["id"]
    of_device_query = select(*pick.columns(DeviceBrief, devices)).where(devices.c.id == found["device_id"])
    all_runs = await runs_of(tx, ticket_id=ticket_id)
    current = next((r for r in all_runs if r.state != "superseded"), None)
    found_findings = await _findings(tx, ticket_id)
    held_alerts = await _alerts(tx, ticket_id)
    return pick.row(
        TicketView,
        found,
        device=pick.row(DeviceBrief, (await tx.execute(of_device_query)).mappings().one()),
        alerts=held_alerts,
        forecast=await _forecast(tx, held_alerts),
        causes=await causes_of(tx, ticket_id),
        findings=tuple(f for f in found_findings if f.run_id is None),
        run_findings=tuple(f for f in found_findings if f.run_id is not None),
        run=await run(tx, current.id) if current else None,
        runs=tuple(all_runs),
        timeline=await _timeline(tx, ticket_id),
    )


async def _alerts(tx: AsyncConnection, ticket_id: str) -> tuple[AlertRow, ...]:
    query = select(*pick.columns(AlertRow, alerts)).where(alerts.c.ticket_id == ticket_id).order_by(alerts.c.opened_at)
    return tuple(pick.row(AlertRow, m) for m in (await tx.execute(query)).mappings())


async def _forecast(tx: AsyncConnection, held: tuple[AlertRow, ...]) -> ForecastRow | None:
    """The newest forecast that its alerts stand on, open or closed."""
    ids = [a.forecast_id for a in held if a.forecast_id]
    query = (
        select(*pick.columns(ForecastRow, forecasts))
        .where(forecasts.c.id.in_(ids))
        .order_by(forecasts.c.made_at.desc())
        .limit(1)
    )
    mapping = (await tx.execute(query)).mappings().first()
    return pick.row(ForecastRow, mapping) if mapping else None


async def rating_of(tx: AsyncConnection, ticket_id: str, person: str) -> bool | None:
    """Whether this person found the ticket useful; None while nothing was said."""
    query = select(ratings.c.useful).where(ratings.c.ticket_id == ticket_id, ratings.c.person == person)
    useful: bool | None = (await tx.execute(query)).scalar()
    return useful


async def causes_of(tx: AsyncConnection, ticket_id: str) -> tuple[CauseRow, ...]:
    """The changes ranked as a ticket's likely cause, the likeliest first."""
    query = (
        select(causes.c.rank, causes.c.weight, causes.c.why, *pick.columns(ChangeRow, changes))
        .join_from(
            causes,
            changes,
            and_(causes.c.organisation_id == changes.c.organisation_id, causes.c.change_id == changes.c.id),
        )
        .where(causes.c.ticket_id == ticket_id)
        .order_by(causes.c.rank)
    )
    found = (await tx.execute(query)).mappings()
    return tuple(pick.row(CauseRow, m, change=pick.row(ChangeRow, m)) for m in found)


async def _findings(tx: AsyncConnection, ticket_id: str) -> tuple[FindingRow, ...]:
    query = (
        select(*pick.columns(FindingRow, findings))
        .where(findings.c.ticket_id == ticket_id)
        .order_by(case({"failing": 0, "serious": 1, "note": 2}, value=findings.c.severity, else_=3), findings.c.at)
    )
    return tuple(pick.row(FindingRow, m) for m in (await tx.execute(query)).mappings())


async def _timeline(tx: AsyncConnection, ticket_id: str) -> tuple[EventRow, ...]:
    query = (
        select(*pick.columns(EventRow, timeline))
        .where(timeline.c.ticket_id == ticket_id)
        .order_by(timeline.c.at.desc(), timeline.c.id.desc())
        .limit(limits.PAGE_ROWS_MAX)
    )
    return tuple(pick.row(EventRow, m) for m in (await tx.execute(query)).mappings())
