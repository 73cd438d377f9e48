"""Maintenance windows: announced, ended early, listed. While one is on, nothing new alerts of what it covers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import new_id
from sereno_proto.limits import MAINTENANCE_REASON_CHARS_MAX, MAINTENANCE_S_MAX, MAINTENANCE_S_MIN
from sereno_server.audit.ledger import record
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, maintenance

LATE = timedelta(minutes=5)  # how far in the past a window may begin: the sender's clock may be behind
AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class Window:
    """Announced work on one device, on a site, or on everything when both are None."""

    id: str
    device_id: str | None
    device_name: str | None
    site: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str


@dataclass(frozen=True)
class Work:
    """What is announced."""

    device_id: str | None
    site: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str


async def announce(tx: AsyncConnection, organisation_id: str, work: Work, *, by: str, now: datetime) -> str:
    """Keeps a window and gives its id. Raises E_BAD_REQUEST when its times or its reason make no sense."""
    _check(work, now)
    window_id = new_id("mnt")
    await tx.execute(
        insert(maintenance).values(
            organisation_id=organisation_id,
            id=window_id,
            device_id=work.device_id,
            site=work.site,
            starts_at=work.starts_at,
            ends_at=work.ends_at,
            reason=work.reason,
            made_by=by,
        )
    )
    payload = {
        "device": work.device_id or "",
        "site": work.site or "",
        "starts_at": work.starts_at,
        "ends_at": work.ends_at,
        "reason": work.reason,
    }
    await record(tx, organisation_id, by, "maintenance.announce", work.device_id or window_id, payload)
    await emit(tx, Event("device", organisation_id, work.device_id or window_id, work.device_id or ""))
    return window_id


async def end(tx: AsyncConnection, organisation_id: str, window_id: str, *, by: str, now: datetime) -> None:
    """Ends a window now; one that has not begun never will. Raises E_NOT_FOUND when it is over already."""
    found = await tx.execute(
        update(maintenance)
        .where(
            maintenance.c.organisation_id == organisation_id,
            maintenance.c.id == window_id,
            maintenance.c.ends_at > now,
        )
        .values(ends_at=now)
        .returning(maintenance.c.device_id)
    )
    row = found.first()
    if row is None:
        raise Refused("E_NOT_FOUND", f"no maintenance {window_id} is announced or under way")
    await record(tx, organisation_id, by, "maintenance.end", row.device_id or window_id, {"window": window_id})
    await emit(tx, Event("device", organisation_id, row.device_id or window_id, row.device_id or ""))


async def coming(tx: AsyncConnection, now: datetime) -> list[Window]:
    """The windows that are on or still to come, the next first."""
    query = _windows().where(maintenance.c.ends_at > now)
    rows = await tx.execute(query.order_by(maintenance.c.starts_at, maintenance.c.id))
    return [Window(**row) for row in rows.mappings()]


async def of_device(tx: AsyncConnection, device_id: str, now: datetime) -> list[Window]:
    """The windows that cover this device, now or later: its own, its site's, and those of everything."""
    site = select(devices.c.site).where(devices.c.id == device_id).scalar_subquery()
    covers = or_(
        maintenance.c.device_id == device_id,
        and_(maintenance.c.device_id.is_(None), or_(maintenance.c.site.is_(None), maintenance.c.site == site)),
    )
    query = _windows().where(maintenance.c.ends_at > now, covers).order_by(maintenance.c.starts_at, maintenance.c.id)
    return [Window(**row) for row in (await tx.execute(query)).mappings()]


def _windows() -> Select[Any]:
    names = [name for name in Window.__dataclass_fields__ if name != "device_name"]
    columns = [maintenance.c[name] for name in names]
    named = and_(devices.c.organisation_id == maintenance.c.organisation_id, devices.c.id == maintenance.c.device_id)
    return select(*columns, devices.c.name.label("device_name")).select_from(maintenance.outerjoin(devices, named))


def _check(work: Work, now: datetime) -> None:
    lasts_s = (work.ends_at - work.starts_at).total_seconds()
    if not MAINTENANCE_S_MIN <= lasts_s <= MAINTENANCE_S_MAX:
        raise BadInput("E_BAD_REQUEST", "maintenance lasts from a minute to 30 days", "give it an end within that")
    if not now - LATE <= work.starts_at <= now + AHEAD:
        raise BadInput("E_BAD_REQUEST", "maintenance begins now or within a year", "what is over cannot be announced")
    if not work.reason.strip() or len(work.reason) > MAINTENANCE_REASON_CHARS_MAX or not work.reason.isprintable():
        what = f"a reason is one line of 1 to {MAINTENANCE_REASON_CHARS_MAX} characters"
        raise BadInput("E_BAD_REQUEST", what, "say what will be done")
