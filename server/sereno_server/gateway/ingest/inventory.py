"""Inventory: the device's facts, whole or what differs."""

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import FACT_KEY_CHARS_MAX, FACT_VALUE_CHARS_MAX, INVENTORY_FACTS_MAX
from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import clipped, problem
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, facts, inventories

DIGEST_CHARS_MAX = 128
SUMMARY = ("system.", "hardware.")  # what a device is at a glance, kept on its own row too

_UPSERT = text("""
    INSERT INTO facts (organisation_id, device_id, key, value)
    SELECT :organisation, :device, * FROM unnest(cast(:keys AS text[]), cast(:values AS text[]))
    ON CONFLICT (organisation_id, device_id, key) DO UPDATE SET value = excluded.value
    WHERE facts.value <> excluded.value
""")
# Through arrays: thousands of keys as parameters of their own would take seconds.
_MINE = "DELETE FROM facts WHERE organisation_id = :organisation AND device_id = :device"
_DELETE = text(f"{_MINE} AND key IN (SELECT unnest(cast(:keys AS text[])))")
_DELETE_OTHERS = text(f"{_MINE} AND key NOT IN (SELECT unnest(cast(:keys AS text[])))")


async def store_inventory(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Replaces the facts, or merges what differs; an empty value removes its key."""
    given = {
        clipped(key, FACT_KEY_CHARS_MAX): clipped(value, FACT_VALUE_CHARS_MAX)
        for key, value in sorted(up.inventory.facts.items())
    }
    kept = {key: value for key, value in given.items() if value}
    mine = (facts.c.organisation_id == device.organisation_id) & (facts.c.device_id == device.id)
    named = {"organisation": device.organisation_id, "device": device.id}
    if up.inventory.whole:
        await tx.execute(_DELETE_OTHERS, {**named, "keys": list(kept)})
    else:
        await tx.execute(_DELETE, {**named, "keys": list(given.keys() - kept.keys())})
    if kept:
        await tx.execute(_UPSERT, {**named, "keys": list(kept), "values": list(kept.values())})
    count = await tx.scalar(select(func.count()).select_from(facts).where(mine)) or 0
    problems: list[Problem] = []
    if count > INVENTORY_FACTS_MAX:
        problems.append(problem("E_LIMIT", f"a device has at most {INVENTORY_FACTS_MAX} facts, here are {count}"))
        beyond = select(facts.c.key).where(mine).order_by(facts.c.key).offset(INVENTORY_FACTS_MAX)
        await tx.execute(_DELETE, {**named, "keys": list((await tx.execute(beyond)).scalars())})
    if up.inventory.whole or any(key.startswith(SUMMARY) for key in given):
        await _summarise(tx, device)
    await _note_digest(tx, device, clipped(up.inventory.digest, DIGEST_CHARS_MAX))
    await emit(tx, Event("device", device.organisation_id, device.id, device.id))
    return problems


async def inventory_digest(tx: AsyncConnection, device: ConnectedDevice) -> str:
    """The digest that the device gave with the last inventory stored; empty when there is none."""
    query = select(inventories.c.digest).where(
        inventories.c.organisation_id == device.organisation_id, inventories.c.device_id == device.id
    )
    return await tx.scalar(query) or ""


async def _note_digest(tx: AsyncConnection, device: ConnectedDevice, digest: str) -> None:
    row = {"organisation_id": device.organisation_id, "device_id": device.id, "digest": digest, "told_at": func.now()}
    await tx.execute(
        insert(inventories)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["organisation_id", "device_id"], set_={"digest": digest, "told_at": func.now()}
        )
    )


async def _summarise(tx: AsyncConnection, device: ConnectedDevice) -> None:
    query = select(facts.c.key, facts.c.value).where(
        facts.c.organisation_id == device.organisation_id,
        facts.c.device_id == device.id,
        facts.c.key.startswith(SUMMARY[0]) | facts.c.key.startswith(SUMMARY[1]),
    )
    summary = {row.key: row.value for row in await tx.execute(query)}
    await tx.execute(
        update(devices)
        .where(devices.c.organisation_id == device.organisation_id, devices.c.id == device.id)
        .values(facts=summary)
    )
