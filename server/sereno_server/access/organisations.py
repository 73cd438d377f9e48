"""Organisations and their rosters as the server keeps them: it stores and forwards, it never signs."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id
from sereno_proto.root import verify_root
from sereno_proto.roster import Roster, verify_roster
from sereno_server.audit import ledger
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import organisations, rosters


async def register_organisation(tx: AsyncConnection, root_text: bytes, signatures: Sequence[str], actor: str) -> str:
    """Takes a signed root document and gives the organisation's id; one that is known already stays as it is."""
    root = verify_root(root_text, signatures)
    identity = organisation_id(root_text)
    known = select(organisations.c.organisation_id).where(organisations.c.organisation_id == identity)
    if (await tx.execute(known)).first() is None:
        row = {"name": root.name, "root_text": root_text, "root_signatures": list(signatures)}
        await tx.execute(insert(organisations).values(organisation_id=identity, **row))
        await ledger.record(tx, identity, actor, "organisation.register", identity, {"name": root.name})
    return identity


async def publish_roster(
    tx: AsyncConnection, organisation: str, text: bytes, signatures: Sequence[str], *, actor: str, now: datetime
) -> Roster:
    """Stores a newer signed roster; the same one again changes nothing. Raises E_ROSTER_… as a device would."""
    query = select(organisations.c.root_text).where(organisations.c.organisation_id == organisation)
    root_text = (await tx.execute(query)).scalar()
    if root_text is None:
        raise BadInput("E_NOT_FOUND", f"no organisation {organisation}")
    roster = verify_roster(root_text, text, signatures, now)
    last = await current_roster(tx, organisation)
    if last is not None and last[0] == text:
        return roster
    if last is not None and last[2] >= roster.version:
        raise Refused("E_ROSTER_LOWER", f"version {last[2]} is published already, this is {roster.version}")
    await tx.execute(
        insert(rosters).values(
            organisation_id=organisation,
            version=roster.version,
            roster_text=text,
            signatures=list(signatures),
            expires_at=roster.expires,
        )
    )
    await ledger.record(tx, organisation, actor, "roster.publish", f"roster {roster.version}")
    await emit(tx, Event("roster", organisation, str(roster.version)))
    return roster


async def current_roster(tx: AsyncConnection, organisation: str) -> tuple[bytes, list[str], int] | None:
    """Text, signatures and version of the newest roster."""
    query = (
        select(rosters.c.roster_text, rosters.c.signatures, rosters.c.version)
        .where(rosters.c.organisation_id == organisation)
        .order_by(rosters.c.version.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).first()
    return None if row is None else (bytes(row[0]), list(row[1]), int(row[2]))
