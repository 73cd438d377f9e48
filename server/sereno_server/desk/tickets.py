"""Tickets as rows: opening, reopening, changing with a version, resolving. The ledger row goes into the same change."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_proto.ids import new_id
from sereno_server.audit.ledger import record
from sereno_server.desk.timeline import tell
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import tickets

STAGES = ("predicted", "checked", "proposed", "waiting", "running", "verifying", "resolved")


async def lock(tx: AsyncConnection, organisation_id: str) -> None:
    """Waits until no other transaction decides about this organisation's alerts and tickets."""
    key = f"desk {organisation_id}"
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


async def open_new(
    tx: AsyncConnection,
    organisation_id: str,
    *,
    device_id: str,
    title: str,
    priority: int,
    fingerprint: str,
    at: datetime,
) -> str:
    """Opens a ticket with the organisation's next number; the caller holds `lock`."""
    ticket_id = new_id("tkt")
    number = 1 + (
        await tx.scalar(select(func.coalesce(func.max(tickets.c.number), 0)).where(_of(organisation_id))) or 0
    )
    await tx.execute(
        insert(tickets).values(
            organisation_id=organisation_id,
            id=ticket_id,
            number=number,
            device_id=device_id,
            title=title,
            state="open",
            stage="predicted",
            priority=priority,
            fingerprint=fingerprint,
            opened_at=at,
        )
    )
    payload = {"number": number, "title": title, "device": device_id, "priority": priority}
    await record(tx, organisation_id, "server", "ticket.open", ticket_id, payload)
    await emit(tx, Event("ticket", organisation_id, ticket_id, device_id))
    return ticket_id


async def change(
    tx: AsyncConnection,
    organisation_id: str,
    ticket_id: str,
    values: dict[str, Any],
    *,
    actor: str = "server",
    verb: str = "",
    version: int | None = None,
) -> int:
    """Changes a ticket and gives its new version.

    version: what the caller read; raises E_CONFLICT when somebody was faster, E_NOT_FOUND when there is no such ticket.
    verb: the ledger's word for it; without one (the server's own stage) no ledger row is written.
    """
    query = update(tickets).where(_of(organisation_id), tickets.c.id == ticket_id)
    if version is not None:
        query = query.where(tickets.c.version == version)
    changed = (
        await tx.execute(
            query.values(**values, version=tickets.c.version + 1).returning(tickets.c.version, tickets.c.device_id)
        )
    ).first()
    if changed is None:
        known = await tx.scalar(select(tickets.c.version).where(_of(organisation_id), tickets.c.id == ticket_id))
        if known is None:
            raise Refused("E_NOT_FOUND", f"no ticket {ticket_id}")
        raise Refused("E_CONFLICT", f"the ticket is at version {known}, not {version}")
    if verb:
        await record(tx, organisation_id, actor, verb, ticket_id, values)
    await emit(tx, Event("ticket", organisation_id, ticket_id, changed.device_id))
    return int(changed.version)


async def reopen(tx: AsyncConnection, organisation_id: str, ticket_id: str, at: datetime) -> None:
    """Opens a resolved ticket again: its condition came back within the window. A new round of work begins."""
    values = {"state": "open", "stage": "predicted", "resolved_at": None, "resolution": None}
    await change(tx, organisation_id, ticket_id, values, verb="ticket.reopen")
    await tell(
        tx,
        organisation_id,
        ticket_id,
        at=at,
        kind="alert",
        text="Opened again: the condition came back",
        detail={"reopened": True},
    )


async def resolve(tx: AsyncConnection, organisation_id: str, ticket_id: str, at: datetime, resolution: str) -> None:
    """Resolves a ticket, with the reason in words."""
    values = {"state": "resolved", "stage": "resolved", "resolved_at": at, "resolution": resolution}
    await change(tx, organisation_id, ticket_id, values, verb="ticket.resolve")
    await tell(tx, organisation_id, ticket_id, at=at, kind="resolved", text=resolution)


def _of(organisation_id: str) -> Any:
    return tickets.c.organisation_id == organisation_id
