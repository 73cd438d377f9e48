"""Names of devices: what a registrar signed of the name that the machine gave itself when it joined.

The server only keeps and shows it; whoever signs a plan or opens a session checks the signature on their own machine.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.device_name import verify_device_name
from sereno_proto.errors import BadInput, Refused
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.audit.ledger import record
from sereno_server.runs.rows import newest_roster
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import device_names, devices


@dataclass(frozen=True)
class SignedName:
    """A statement with its signature, for others to verify."""

    device_id: str
    name: str
    text: str
    signature: str
    registrar: str
    issued: datetime


async def keep_name(tx: AsyncConnection, account: Account, text: bytes, armored: str, now: datetime) -> str:
    """Keeps a registrar's statement about the name that a device has; gives the device's id.

    Raises what verify_device_name raises, E_NOT_FOUND (no such device here), E_NAME (it calls itself otherwise),
    E_CONFLICT (an older statement than the one that is kept), E_FORBIDDEN.
    """
    organisation_id = account.organisation_id
    roster = await newest_roster(tx, organisation_id)
    statement, person = verify_device_name(text, armored, roster, now)
    authorise(account, "name_device", Object("device", statement.organisation_id, statement.device_id))
    here = (devices.c.organisation_id == organisation_id, devices.c.id == statement.device_id)
    before = await tx.scalar(select(devices.c.name).where(*here).with_for_update())
    if before is None:
        raise Refused("E_NOT_FOUND", f"no device {statement.device_id}")
    if before != statement.name:
        raise BadInput("E_NAME", f"the machine calls itself {before}", "join it anew with --name to rename it")
    own = (device_names.c.organisation_id == organisation_id, device_names.c.device_id == statement.device_id)
    newest = await tx.scalar(select(device_names.c.issued).where(*own))
    if newest is not None and statement.issued < newest:
        raise Refused("E_CONFLICT", "a newer statement about this device is kept")
    values = {
        "name": statement.name,
        "text": text,
        "armored": armored,
        "registrar": person.name,
        "issued": statement.issued,
    }
    await tx.execute(
        insert(device_names)
        .values(organisation_id=organisation_id, device_id=statement.device_id, **values)
        .on_conflict_do_update(index_elements=["organisation_id", "device_id"], set_=values)
    )
    await tx.execute(update(devices).where(*here).values(name_verified=True))
    payload = {"name": statement.name, "registrar": person.name, "signature": armored}
    await record(tx, organisation_id, account.name, "device.name", statement.device_id, payload)
    await emit(tx, Event("device", organisation_id, statement.device_id, statement.device_id))
    return statement.device_id


async def signed_name(tx: AsyncConnection, device_id: str) -> SignedName:
    """The statement that is kept for a device; raises E_NOT_FOUND."""
    row = (await tx.execute(select(device_names).where(device_names.c.device_id == device_id))).mappings().first()
    if row is None:
        raise BadInput("E_NOT_FOUND", "no registrar signed this device's name", "have it signed: `sereno name DEVICE`")
    return SignedName(
        row["device_id"],
        row["name"],
        bytes(row["text"]).decode("ascii"),
        row["armored"],
        row["registrar"],
        row["issued"],
    )
