"""Changes: what differs on the device, with its diff."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_proto.limits import CHANGES_PER_SET_MAX, DIFF_CHARS_MAX, TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Change, Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import clipped, moment, problem
from sereno_server.store.events import Event, emit_all
from sereno_server.store.tables import changes

NAME_CHARS_MAX = 256
MODIFIED_BEFORE_MS_MAX = 7 * 86_400_000  # an older modification time is a copied one, not the moment of the change


async def store_changes(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Stores each change; those beyond the limits are refused, the others kept."""
    given = list(up.changes.changes)
    problems: list[Problem] = []
    if len(given) > CHANGES_PER_SET_MAX:
        problems.append(problem("E_LIMIT", f"a set has at most {CHANGES_PER_SET_MAX} changes, this one {len(given)}"))
        given = given[:CHANGES_PER_SET_MAX]
    rows = []
    for change in given:
        if len(change.diff) > DIFF_CHARS_MAX:
            problems.append(problem("E_LIMIT", f"the diff of {change.object[:256]} is longer than {DIFF_CHARS_MAX}"))
        rows.append(_row(device, change))
    if rows:
        await tx.execute(insert(changes), rows)
        await emit_all(tx, [Event("change", device.organisation_id, str(row["id"]), device.id) for row in rows])
    return problems


def _row(device: ConnectedDevice, change: Change) -> dict[str, object]:
    return {
        "organisation_id": device.organisation_id,
        "id": new_id("chg"),
        "device_id": device.id,
        "kind": clipped(change.kind, NAME_CHARS_MAX),
        "object": clipped(change.object, TEXT_CHARS_MAX),
        "name": clipped(change.name, NAME_CHARS_MAX),
        "summary": clipped(change.summary, TEXT_CHARS_MAX),
        "diff": clipped(change.diff, DIFF_CHARS_MAX),
        "who": clipped(change.who, NAME_CHARS_MAX),
        "before_digest": clipped(change.before_digest, NAME_CHARS_MAX),
        "after_digest": clipped(change.after_digest, NAME_CHARS_MAX),
        "at": moment(happened_ms(change)),
    }


def happened_ms(change: Change) -> int:
    """When it happened: as the system says, where that is believable, else when it was noticed."""
    if 0 < change.modified_ms <= change.time_ms and change.time_ms - change.modified_ms <= MODIFIED_BEFORE_MS_MAX:
        return change.modified_ms
    return change.time_ms
