"""Notices: what a device, or the server about it, thinks a person should know. One row a device and code."""

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import CATALOGUE
from sereno_proto.limits import TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import clipped, problem
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, notices


async def store_notice(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Keeps the newest notice of its code."""
    if up.notice.code not in CATALOGUE:
        return [problem("E_BAD_REQUEST", f"{up.notice.code[:64]!r} is no code that this server knows")]
    await note(tx, device, up.notice.code, up.notice.what, remedy=up.notice.remedy)
    return []


async def note(
    tx: AsyncConnection,
    device: ConnectedDevice,
    code: str,
    what: str,
    *,
    remedy: str = "",
    offset_ms: int | None = None,
) -> None:
    """Writes the notice over an earlier one of the same code; with it the clock's offset, where one was measured."""
    row = {
        "what": clipped(what, TEXT_CHARS_MAX),
        "remedy": clipped(remedy or CATALOGUE[code].remedy, TEXT_CHARS_MAX),
        "at": func.now(),
    }
    statement = insert(notices).values(organisation_id=device.organisation_id, device_id=device.id, code=code, **row)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[notices.c.organisation_id, notices.c.device_id, notices.c.code], set_=row
        )
    )
    if offset_ms is not None:
        await tx.execute(
            update(devices)
            .where(devices.c.organisation_id == device.organisation_id, devices.c.id == device.id)
            .values(clock_offset_ms=offset_ms)
        )
    await emit(tx, Event("status", device.organisation_id, device.id, device.id))


async def withdraw(tx: AsyncConnection, device: ConnectedDevice, code: str) -> None:
    """Removes a notice that is no longer so."""
    await tx.execute(
        delete(notices).where(
            notices.c.organisation_id == device.organisation_id,
            notices.c.device_id == device.id,
            notices.c.code == code,
        )
    )
