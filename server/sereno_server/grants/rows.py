"""Grants as rows: reading one, changing its state, and telling everybody who should know."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_server.audit.ledger import record
from sereno_server.desk.timeline import tell
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import grant_signatures, grants


@dataclass(frozen=True)
class GrantRow:
    """A grant as stored; `text` is what was signed, byte for byte."""

    organisation_id: str
    id: str
    kind: str
    playbook: str
    requester: str
    ticket_id: str | None
    risk: str
    state: str
    text: bytes
    digest: str
    not_before: datetime
    expires: datetime
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    what: str | None


async def read(tx: AsyncConnection, organisation_id: str, grant_id: str, *, lock: bool = False) -> GrantRow:
    """The grant; raises E_NOT_FOUND, also for another organisation's."""
    query = select(grants).where(grants.c.organisation_id == organisation_id, grants.c.id == grant_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    if row is None:
        raise Refused("E_NOT_FOUND", f"no grant {grant_id[:80]}")
    return GrantRow(**row)


async def given(tx: AsyncConnection, grant: GrantRow) -> list[tuple[str, str, str]]:
    """The signatures as (person, purpose, armored), the oldest first."""
    rows = await tx.execute(
        select(grant_signatures.c.person, grant_signatures.c.purpose, grant_signatures.c.armored)
        .where(grant_signatures.c.organisation_id == grant.organisation_id, grant_signatures.c.grant_id == grant.id)
        .order_by(grant_signatures.c.at, grant_signatures.c.person)
    )
    return [(row.person, row.purpose, row.armored) for row in rows]


async def move(  # one change of state, with its ledger row
    tx: AsyncConnection,
    grant: GrantRow,
    state: str,
    *,
    from_states: Collection[str],
    actor: str,
    at: datetime,
    what: str = "",
) -> bool:
    """Changes the state when it is one of from_states, and tells whether it did."""
    changed = await tx.scalar(
        update(grants)
        .where(
            grants.c.organisation_id == grant.organisation_id,
            grants.c.id == grant.id,
            grants.c.state.in_(list(from_states)),
        )
        .values(state=state, decided_at=at, decided_by=actor, what=what or None)
        .returning(grants.c.id)
    )
    if changed is None:
        return False
    payload: dict[str, Any] = {"kind": grant.kind, "playbook": grant.playbook, "digest": grant.digest, "what": what}
    await record(tx, grant.organisation_id, actor, f"grant.{state}", grant.id, payload)
    await announce(tx, grant)
    return True


async def announce(tx: AsyncConnection, grant: GrantRow) -> None:
    """Tells pages and the courier that the grant, and so its ticket, changed."""
    await emit(tx, Event("grant", grant.organisation_id, grant.id))
    if grant.ticket_id is not None:
        await emit(tx, Event("ticket", grant.organisation_id, grant.ticket_id))


async def tell_ticket(
    tx: AsyncConnection, grant: GrantRow, *, at: datetime, kind: str, text: str, actor: str, once: str = ""
) -> None:
    """Puts a line on the timeline of the grant's ticket, where it has one."""
    if grant.ticket_id is not None:
        await tell(
            tx,
            grant.organisation_id,
            grant.ticket_id,
            at=at,
            kind=kind,
            text=text,
            actor=actor,
            detail={"grant": grant.id},
            once=once,
        )
