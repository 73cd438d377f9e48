"""Grants made in advance, as pages and API show them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_proto.grants import Grant, read_grant
from sereno_proto.limits import PAGE_ROWS
from sereno_server.store.tables import devices, grant_devices, grant_signatures, grants, runs


@dataclass(frozen=True)
class GrantSigned:
    """One signature."""

    person: str
    purpose: str
    at: datetime


@dataclass(frozen=True)
class GrantPlace:
    """What became of a grant on one device. uses: runs that it began there."""

    device_id: str
    device_name: str
    state: str
    code: str | None
    what: str | None
    at: datetime | None
    uses: int


@dataclass(frozen=True)
class GrantView:
    """A grant with its text exactly as it is signed."""

    id: str
    kind: str
    playbook: str
    requester: str
    ticket_id: str | None
    risk: str
    state: str  # waiting, active, used (as often as it allows, everywhere), denied, revoked, expired
    text: str
    not_before: datetime
    expires: datetime
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    what: str | None
    signatures: tuple[GrantSigned, ...]
    places: tuple[GrantPlace, ...]


async def grants_of(tx: AsyncConnection, now: datetime, *, limit: int = PAGE_ROWS) -> list[GrantView]:
    """The newest grants."""
    result = await tx.execute(select(grants.c.id).order_by(grants.c.created_at.desc(), grants.c.id).limit(limit))
    return [await grant(tx, grant_id, now) for grant_id in result.scalars().all()]


async def grant(tx: AsyncConnection, grant_id: str, now: datetime) -> GrantView:
    """One grant; raises E_NOT_FOUND."""
    row = (await tx.execute(select(grants).where(grants.c.id == grant_id))).mappings().first()
    if row is None:
        raise BadInput("E_NOT_FOUND", f"no grant {grant_id[:80]}")
    text = bytes(row["text"])
    places = await _places(tx, grant_id)
    shown = {name: row[name] for name in GrantView.__dataclass_fields__ if name in row}
    return GrantView(
        **{
            **shown,
            "state": _state(row["state"], read_grant(text), places, now),
            "text": text.decode("ascii"),
            "signatures": await _signatures(tx, grant_id),
            "places": places,
        }
    )


def _state(state: str, grant: Grant, places: tuple[GrantPlace, ...], now: datetime) -> str:
    """The row's state, or that nothing is left of it."""
    if state == "active" and all(place.uses >= grant.uses for place in places):
        return "used"
    return "expired" if state in {"waiting", "active"} and now >= grant.expires else state


async def _signatures(tx: AsyncConnection, grant_id: str) -> tuple[GrantSigned, ...]:
    result = await tx.execute(
        select(grant_signatures.c.person, grant_signatures.c.purpose, grant_signatures.c.at)
        .where(grant_signatures.c.grant_id == grant_id)
        .order_by(grant_signatures.c.at)
    )
    return tuple(GrantSigned(*row) for row in result)


async def _places(tx: AsyncConnection, grant_id: str) -> tuple[GrantPlace, ...]:
    used = (
        select(func.count())
        .where(
            runs.c.organisation_id == grant_devices.c.organisation_id,
            runs.c.device_id == grant_devices.c.device_id,
            runs.c.grant_id == grant_devices.c.grant_id,
        )
        .scalar_subquery()
    )
    result = await tx.execute(
        select(
            grant_devices.c.device_id,
            devices.c.name,
            grant_devices.c.state,
            grant_devices.c.code,
            grant_devices.c.what,
            grant_devices.c.at,
            used,
        )
        .join(
            devices,
            and_(
                devices.c.organisation_id == grant_devices.c.organisation_id,
                devices.c.id == grant_devices.c.device_id,
            ),
        )
        .where(grant_devices.c.grant_id == grant_id)
        .order_by(devices.c.name)
    )
    return tuple(GrantPlace(*row) for row in result)
