"""Where a device stands: its site, and the device that it is reached through."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_server.audit.ledger import record
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices


async def put(
    tx: AsyncConnection, organisation_id: str, device_id: str, *, site: str | None, parent_id: str | None, by: str
) -> None:
    """Keeps where a device stands. Raises E_BAD_REQUEST when it would be reached through itself."""
    await _refuse_circle(tx, organisation_id, device_id, parent_id)
    await tx.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation_id, devices.c.id == device_id)
        .values(site=site, parent_id=parent_id)
    )
    payload = {"site": site or "", "parent": parent_id or ""}
    await record(tx, organisation_id, by, "device.place", device_id, payload)
    await emit(tx, Event("device", organisation_id, device_id, device_id))


async def _refuse_circle(tx: AsyncConnection, organisation_id: str, device_id: str, parent_id: str | None) -> None:
    met = set()
    while parent_id is not None and parent_id not in met:
        if parent_id == device_id:
            what = "a device cannot be reached through itself, nor through what is reached through it"
            raise BadInput("E_BAD_REQUEST", what, "choose another parent")
        met.add(parent_id)
        query = select(devices.c.parent_id).where(
            devices.c.organisation_id == organisation_id, devices.c.id == parent_id
        )
        parent_id = (await tx.execute(query)).scalar_one_or_none()
