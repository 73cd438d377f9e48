"""Runs: one with its plan text exactly as the device issued it, or lists of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.reads import pick
from sereno_server.reads.rows import DeviceBrief, RunEventRow, RunRow, SignatureRow, TicketBrief
from sereno_server.store.tables import devices, run_events, runs, signatures, tickets


@dataclass(frozen=True)
class RunView:
    """One run with everything that was signed and told about it. `plan_text` holds the exact bytes."""

    id: str
    device: DeviceBrief
    ticket: TicketBrief | None
    playbook: str
    requester: str
    state: str
    risk: str | None
    steps: Sequence[Any]
    plan_id: str | None
    plan_text: bytes | None
    plan_digest: str | None
    device_signature: str | None
    created_at: datetime
    planned_at: datetime | None
    expires_at: datetime | None
    finished_at: datetime | None
    code: str | None
    what: str | None
    signatures: tuple[SignatureRow, ...]
    events: tuple[RunEventRow, ...]

    @property
    def requested_by(self) -> tuple[str, ...]:
        return tuple(s.person for s in self.signatures if s.purpose == "request")

    @property
    def approved_by(self) -> tuple[str, ...]:
        return tuple(s.person for s in self.signatures if s.purpose == "approve")

    def waits(self, now: datetime) -> bool:
        """True while a signature can still decide it."""
        return self.state == "planned" and (self.expires_at is None or self.expires_at > now)


async def run(tx: AsyncConnection, run_id: str) -> RunView:
    """One run; raises E_NOT_FOUND."""
    found = (await tx.execute(select(runs).where(runs.c.id == run_id))).mappings().first()
    if found is None:
        raise BadInput("E_NOT_FOUND", f"no run {run_id}")
    device = (
        (await tx.execute(select(*pick.columns(DeviceBrief, devices)).where(devices.c.id == found["device_id"])))
        .mappings()
        .one()
    )
    ticket = None
    if found["ticket_id"] is not None:
        query = select(*pick.columns(TicketBrief, tickets)).where(tickets.c.id == found["ticket_id"])
        mapping = (await tx.execute(query)).mappings().first()
        ticket = pick.row(TicketBrief, mapping) if mapping else None
    return pick.row(
        RunView,
        found,
        device=pick.row(DeviceBrief, device),
        ticket=ticket,
        steps=tuple(found["steps"] or ()),
        signatures=await _signatures(tx, run_id),
        events=await _events(tx, run_id),
    )


async def runs_of(
    tx: AsyncConnection, *, ticket_id: str | None = None, device_id: str | None = None, limit: int = limits.PAGE_ROWS
) -> list[RunRow]:
    """The runs of a ticket or a device, the newest first."""
    query = select(*pick.columns(RunRow, runs))
    if ticket_id is not None:
        query = query.where(runs.c.ticket_id == ticket_id)
    if device_id is not None:
        query = query.where(runs.c.device_id == device_id)
    query = query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
    return [pick.row(RunRow, m) for m in (await tx.execute(query)).mappings()]


async def waiting_runs(tx: AsyncConnection, now: datetime) -> list[RunRow]:
    """The runs that wait for a person, those that end first at the top."""
    query = (
        select(*pick.columns(RunRow, runs))
        .where(runs.c.state == "planned", or_(runs.c.expires_at.is_(None), runs.c.expires_at > now))
        .order_by(runs.c.expires_at)
        .limit(limits.PAGE_ROWS_MAX)
    )
    return [pick.row(RunRow, m) for m in (await tx.execute(query)).mappings()]


@dataclass(frozen=True)
class WaitingRun:
    """A run that waits, with the machine and the case it belongs to."""

    id: str
    playbook: str
    requester: str
    risk: str | None
    device_name: str
    site: str | None
    ticket_number: int | None
    ticket_title: str | None
    planned_at: datetime | None
    expires_at: datetime | None


async def waiting(tx: AsyncConnection, now: datetime) -> list[WaitingRun]:
    """As `waiting_runs`, with what a person must know to choose one."""
    query = (
        select(
            *pick.columns(WaitingRun, runs),
            devices.c.name.label("device_name"),
            devices.c.site,
            tickets.c.number.label("ticket_number"),
            tickets.c.title.label("ticket_title"),
        )
        .join_from(
            runs, devices, and_(runs.c.organisation_id == devices.c.organisation_id, runs.c.device_id == devices.c.id)
        )
        .outerjoin(tickets, and_(runs.c.organisation_id == tickets.c.organisation_id, runs.c.ticket_id == tickets.c.id))
        .where(runs.c.state == "planned", or_(runs.c.expires_at.is_(None), runs.c.expires_at > now))
        .order_by(runs.c.expires_at)
        .limit(limits.PAGE_ROWS_MAX)
    )
    return [pick.row(WaitingRun, m) for m in (await tx.execute(query)).mappings()]


async def _signatures(tx: AsyncConnection, run_id: str) -> tuple[SignatureRow, ...]:
    query = (
        select(*pick.columns(SignatureRow, signatures))
        .where(signatures.c.run_id == run_id)
        .order_by(signatures.c.at, signatures.c.person)
    )
    return tuple(pick.row(SignatureRow, m) for m in (await tx.execute(query)).mappings())


async def _events(tx: AsyncConnection, run_id: str) -> tuple[RunEventRow, ...]:
    query = (
        select(*pick.columns(RunEventRow, run_events))
        .where(run_events.c.run_id == run_id)
        .order_by(run_events.c.at, run_events.c.id)
    )
    return tuple(pick.row(RunEventRow, m) for m in (await tx.execute(query)).mappings())
