"""Organisations and their rosters as the server keeps them: it stores and forwards, it never signs."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id, sha256
from sereno_proto.root import verify_root
from sereno_proto.root_chain import SignedRoot, follow, read_next_root
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
    root_text, later = await roots_of(tx, organisation)
    roster = verify_roster(root_text, text, signatures, now, later)
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


async def publish_root(
    tx: AsyncConnection, organisation: str, text: bytes, signatures: Sequence[str], *, actor: str
) -> int:
    """Stores the root that follows the newest one and gives its number; the same one again changes nothing.

    Raises E_ROOT_FORKED (another one of that number is stored), E_ROOT_CHAIN, E_ROOT_KEY, E_ROOT_THRESHOLD.
    """
    first, later = await roots_of(tx, organisation, lock=True)
    number = read_next_root(text).number
    if 2 <= number < len(later) + 2:  # noqa: PLR2004  the first has number 1
        if later[number - 2].text != text:
            raise Refused("E_ROOT_FORKED", f"another root {number} is published")
        return number
    chain = (*later, SignedRoot(text, tuple(signatures)))
    root = follow(first, chain)
    rows = [{"text": one.text.decode("ascii"), "signatures": list(one.signatures)} for one in chain]
    where = organisations.c.organisation_id == organisation
    await tx.execute(update(organisations).where(where).values(later_roots=rows))
    payload = {"digest": sha256(text), "threshold": root.threshold, "keys": [key.fingerprint for key in root.keys]}
    await ledger.record(tx, organisation, actor, "root.rotate", f"root {number}", payload)
    return number


async def roots_of(
    tx: AsyncConnection, organisation: str, *, lock: bool = False
) -> tuple[bytes, tuple[SignedRoot, ...]]:
    """The first root's text, and those that came after it. Raises E_NOT_FOUND."""
    query = select(organisations.c.root_text, organisations.c.later_roots).where(
        organisations.c.organisation_id == organisation
    )
    row = (await tx.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise BadInput("E_NOT_FOUND", f"no organisation {organisation}")
    later = tuple(SignedRoot(one["text"].encode("ascii"), tuple(one["signatures"])) for one in row.later_roots or ())
    return bytes(row.root_text), later


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
