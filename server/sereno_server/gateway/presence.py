"""Who is connected, and since when: rows that every node and page can read."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_proto.limits import CLOCK_SKEW_MS_MAX
from sereno_proto.v1.link_pb2 import Hello
from sereno_server.gateway.authority import Identity
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import clipped
from sereno_server.gateway.ingest.notices import note, withdraw
from sereno_server.gateway.ingest.status import as_json, notice_rewritten_ledger, too_large
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit, emit_all
from sereno_server.store.tables import certificates, devices, epochs

VERSION_CHARS_MAX = 64
CLOCK_OFFSET_MS_MAX = 1 << 53


async def recognise(tx: AsyncConnection, identity: Identity) -> str:
    """The name of the device whose certificate this is. Raises E_NOT_SIGNED_IN, E_DEVICE_REVOKED."""
    found = (
        await tx.execute(
            select(devices.c.name, devices.c.revoked_at, certificates.c.revoked_at.label("certificate_revoked_at"))
            .join(
                certificates,
                (certificates.c.organisation_id == devices.c.organisation_id)
                & (certificates.c.device_id == devices.c.id),
            )
            .where(
                devices.c.organisation_id == identity.organisation_id,
                devices.c.id == identity.device_id,
                certificates.c.serial == identity.serial,
            )
        )
    ).first()
    if found is None:
        raise SerenoError("E_NOT_SIGNED_IN", "this certificate is not on record", "join anew with a join code")
    if found.revoked_at or found.certificate_revoked_at:
        raise SerenoError("E_DEVICE_REVOKED")
    return str(found.name)


async def high_water(tx: AsyncConnection, device: ConnectedDevice) -> int:
    """The highest committed sequence of the device's epoch."""
    mark = await tx.execute(
        select(epochs.c.high_water).where(
            epochs.c.organisation_id == device.organisation_id,
            epochs.c.device_id == device.id,
            epochs.c.epoch == device.epoch,
        )
    )
    return mark.scalar_one_or_none() or 0


async def arrived(tx: AsyncConnection, device: ConnectedDevice, hello: Hello, node: str, now: datetime) -> None:
    """Writes that the device is here, what it said of itself, and how far its clock is off."""
    offset = hello.clock_ms - int(now.timestamp() * 1000) if hello.clock_ms else 0
    offset = max(-CLOCK_OFFSET_MS_MAX, min(CLOCK_OFFSET_MS_MAX, offset))
    values: dict[str, object] = {
        "connected_at": now,
        "last_seen": now,
        "node": node,
        "agent_version": clipped(hello.agent_version, VERSION_CHARS_MAX),
        "platform": clipped(hello.platform, VERSION_CHARS_MAX),
        "roster_version": device.roster_version,
        "clock_offset_ms": offset,
    }
    if hello.HasField("status") and too_large(hello.status) is None:
        await notice_rewritten_ledger(tx, device, hello.status)
        values["status"] = as_json(hello.status)
    await tx.execute(
        update(devices)
        .where(devices.c.organisation_id == device.organisation_id, devices.c.id == device.id)
        .values(**values)
    )
    if abs(offset) > CLOCK_SKEW_MS_MAX:
        side = "ahead" if offset > 0 else "behind"
        await note(tx, device, "E_CLOCK_SKEW", f"the device's clock is {abs(offset) / 1000:.0f} s {side}")
    else:
        await withdraw(tx, device, "E_CLOCK_SKEW")
    await emit(tx, Event("device", device.organisation_id, device.id, device.id))


async def left(store: Store, device: ConnectedDevice, node: str) -> None:
    """Writes that the device's stream has ended, unless another node holds a newer one."""
    async with store.transaction(Scope(device.organisation_id)) as tx:
        await tx.execute(
            update(devices)
            .where(
                devices.c.organisation_id == device.organisation_id, devices.c.id == device.id, devices.c.node == node
            )
            .values(connected_at=None, node=None, last_seen=func.now())
        )
        await emit(tx, Event("device", device.organisation_id, device.id, device.id))


async def correct(store: Store, node: str, live: list[ConnectedDevice]) -> None:
    """Clears the presence of devices that this node does not hold: after a kill, or a write that failed."""
    async with store.transaction(Scope.system()) as tx:
        gone = await tx.execute(
            update(devices)
            .where(devices.c.node == node, devices.c.id.not_in([device.id for device in live]))
            .values(connected_at=None, node=None)
            .returning(devices.c.organisation_id, devices.c.id)
        )
        await emit_all(tx, [Event("device", row.organisation_id, row.id, row.id) for row in gone])


async def revoked(store: Store, live: list[ConnectedDevice]) -> list[ConnectedDevice]:
    """Those whose access was revoked while their stream was open."""
    by_serial = {device.identity.serial: device for device in live}
    async with store.transaction(Scope.system()) as tx:
        rows = await tx.execute(
            select(certificates.c.serial)
            .join(devices, devices.c.id == certificates.c.device_id)
            .where(
                certificates.c.serial.in_(by_serial),
                certificates.c.revoked_at.is_not(None) | devices.c.revoked_at.is_not(None),
            )
        )
        return [by_serial[serial] for serial in rows.scalars()]
