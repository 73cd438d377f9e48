"""Inventory: the device's facts, whole or what differs."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import INVENTORY_FACTS_MAX, TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import clipped, problem
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices

KEY_CHARS_MAX = 128


async def store_inventory(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Replaces the facts, or merges what differs; an empty value removes its key."""
    given = {clipped(key, KEY_CHARS_MAX): clipped(value, TEXT_CHARS_MAX) for key, value in up.inventory.facts.items()}
    mine = (devices.c.organisation_id == device.organisation_id) & (devices.c.id == device.id)
    known: dict[str, object] = {}
    if not up.inventory.whole:
        known = (await tx.execute(select(devices.c.facts).where(mine).with_for_update())).scalar_one() or {}
    facts = {key: value for key, value in (known | given).items() if value}
    problems: list[Problem] = []
    if len(facts) > INVENTORY_FACTS_MAX:
        problems.append(problem("E_LIMIT", f"a device has at most {INVENTORY_FACTS_MAX} facts, here are {len(facts)}"))
        facts = dict(sorted(facts.items())[:INVENTORY_FACTS_MAX])
    await tx.execute(update(devices).where(mine).values(facts=facts))
    await emit(tx, Event("device", device.organisation_id, device.id, device.id))
    return problems
