"""Status: what the device says of itself, the last one kept as it came."""

import math

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import NAMES_TOLD_MAX, TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Problem, Status, Up
from sereno_server.audit.ledger import words
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import problem
from sereno_server.gateway.ingest.notices import note, withdraw
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices

LIST_MAX = NAMES_TOLD_MAX
SEQUENCE_MAX = (1 << 63) - 1


async def store_status(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Keeps the newest status, as JSON with the .proto's field names."""
    refused = too_large(up.status)
    if refused is not None:
        return [refused]
    await notice_rewritten_ledger(tx, device, up.status)
    if not any(cost.error for cost in up.status.collectors):
        await withdraw(tx, device, "E_COLLECTOR")
    device.witnessed = min(up.status.checkpoint_size, SEQUENCE_MAX)
    await tx.execute(
        update(devices)
        .where(devices.c.organisation_id == device.organisation_id, devices.c.id == device.id)
        .values(status=as_json(up.status))
    )
    await emit(tx, Event("status", device.organisation_id, device.id, device.id))
    return []


async def notice_rewritten_ledger(tx: AsyncConnection, device: ConnectedDevice, status: Status) -> None:
    """Notes it when the device's own ledger became shorter, or another one of the same length: it only ever grows.

    A local root can write all of it anew; the head that was told before is the witness.
    """
    query = select(devices.c.status).where(
        devices.c.organisation_id == device.organisation_id, devices.c.id == device.id
    )
    before = (await tx.execute(query)).scalar_one_or_none() or {}
    length, head = before.get("ledger_length", 0), before.get("ledger_head", "")
    if status.ledger_length > length or (status.ledger_length, status.ledger_head) == (length, head):
        return
    what = f"the device's ledger had {length} rows and head {head}, now {status.ledger_length} and another history"
    await note(tx, device, "E_LEDGER_BROKEN", what)


def too_large(status: Status) -> Problem | None:
    """The problem of a status beyond its bounds, or None."""
    if (
        max(len(status.allowed_actions), len(status.collectors_denied), len(status.names)) > LIST_MAX
        or max(len(status.collectors), len(status.grants)) > LIST_MAX
    ):
        return problem("E_LIMIT", f"a status lists at most {LIST_MAX} actions, names, collectors and grants")
    if status.ByteSize() > 16 * TEXT_CHARS_MAX:
        return problem("E_LIMIT", f"a status has at most {16 * TEXT_CHARS_MAX} bytes")
    return None


def as_json(status: Status) -> dict[str, object]:
    """The status under the .proto's own field names, numbers as numbers."""
    return {
        "lockdown": status.lockdown,
        "policy_digest": words(status.policy_digest),
        "policy_error": words(status.policy_error),
        "spool_bytes": status.spool_bytes,
        "spool_dropped": status.spool_dropped,
        "resident_bytes": status.resident_bytes,
        "cpu_ms_per_s": _finite(status.cpu_ms_per_s),
        "allowed_actions": [words(action) for action in status.allowed_actions],
        "collectors_denied": [words(name) for name in status.collectors_denied],
        "names": [words(name) for name in status.names],
        "collectors": [
            {
                "name": words(cost.name),
                "mean_ms": _finite(cost.mean_ms),
                "failures": cost.failures,
                "error": words(cost.error),
            }
            for cost in status.collectors
        ],
        "ledger_head": words(status.ledger_head),
        "ledger_length": status.ledger_length,
        "checkpoint_size": status.checkpoint_size,
        "checkpoint_fault": words(status.checkpoint_fault),
        "grants": [
            {
                "id": words(grant.id),
                "uses_left": grant.uses_left,
                "last_used_ms": grant.last_used_ms,
                "expires_ms": grant.expires_ms,
            }
            for grant in status.grants
        ],
    }


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
