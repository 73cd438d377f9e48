"""Group commit: what all devices send goes into few transactions, and is acknowledged after them.

While one transaction commits, the next group gathers. A message that makes its group fail is found by storing the group
one by one; what cannot be stored even alone is refused with a problem, never sent for ever.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_proto.limits import INGEST_GROUP_BYTES_MAX, INGEST_GROUP_MAX, INGEST_QUEUE_MAX, PROBLEMS_MAX
from sereno_proto.v1.link_pb2 import Acknowledge, Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import problem
from sereno_server.gateway.ingest.kinds import STORE
from sereno_server.gateway.ingest.samples import checked, note_skew
from sereno_server.store.away import is_away
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all
from sereno_server.store.samples import Batch, append

RETRY_S = 0.5
SEEN_EVERY_S = 5.0  # how often last_seen is written of a device that keeps sending
SAMPLE_EVENT_EVERY_S = 1.0
ORGANISATIONS_AT_ONCE = 4

log = logging.getLogger(__name__)

_HIGH_WATER = text("""
    SELECT epochs.device_id, epochs.epoch, epochs.high_water FROM epochs
    JOIN unnest(cast(:devices AS text[]), cast(:epochs AS bytea[])) AS asked (device_id, epoch)
      ON epochs.device_id = asked.device_id AND epochs.epoch = asked.epoch
    WHERE epochs.organisation_id = :organisation
    ORDER BY epochs.device_id, epochs.epoch FOR UPDATE OF epochs
""")
_RAISE = text("""
    INSERT INTO epochs (organisation_id, device_id, epoch, high_water)
    SELECT :organisation, * FROM unnest(cast(:devices AS text[]), cast(:epochs AS bytea[]), cast(:marks AS bigint[]))
    ON CONFLICT (organisation_id, device_id, epoch)
    DO UPDATE SET high_water = greatest(epochs.high_water, excluded.high_water)
""")
_SEEN = text("""
    UPDATE devices SET last_seen = now() WHERE organisation_id = :organisation AND id = ANY(cast(:devices AS text[]))
""")

Mark = tuple[str, bytes]  # a device and one epoch of its spool


@dataclass(frozen=True)
class Received:
    """One message of a device. Without a sequence (status, ...) it is stored, but not acknowledged."""

    device: ConnectedDevice
    up: Up

    @property
    def mark(self) -> Mark:
        return self.device.id, self.up.epoch


@dataclass
class _Group:
    """What one transaction is going to say when it has committed."""

    marks: dict[Mark, int] = field(default_factory=dict)
    problems: dict[Mark, list[Problem]] = field(default_factory=dict)
    rows: list[Batch] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Intake:
    """The queue between the streams and the database. It is bounded: a slow database slows the streams."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: asyncio.Queue[Received] = asyncio.Queue(INGEST_QUEUE_MAX)

    async def put(self, received: Received) -> None:
        """Waits until there is room."""
        await self._queue.put(received)

    async def run(self) -> None:
        """Stores until cancelled."""
        while True:
            group = await self._gather()
            by_organisation: dict[str, list[Received]] = {}
            for received in group:
                by_organisation.setdefault(received.device.organisation_id, []).append(received)
            limit = asyncio.Semaphore(ORGANISATIONS_AT_ONCE)
            async with asyncio.TaskGroup() as tasks:
                for organisation_id, messages in by_organisation.items():
                    tasks.create_task(self._commit(limit, organisation_id, messages))

    async def _gather(self) -> list[Received]:
        group = [await self._queue.get()]
        size = group[0].up.ByteSize()
        while len(group) < INGEST_GROUP_MAX and size < INGEST_GROUP_BYTES_MAX and not self._queue.empty():
            group.append(self._queue.get_nowait())
            size += group[-1].up.ByteSize()
        return group

    async def _commit(self, limit: asyncio.Semaphore, organisation_id: str, messages: list[Received]) -> None:
        """Stores one organisation's messages, in one transaction or else one by one, and acknowledges them."""
        async with limit:
            while True:
                try:
                    await self._store_all(organisation_id, messages)
                except Exception as error:
                    if is_away(error):
                        log.warning("intake: the database is away: %s", str(error).splitlines()[0])
                        await asyncio.sleep(RETRY_S)
                        continue
                    log.exception("intake: %d messages cannot be stored together", len(messages))
                    if len(messages) == 1:
                        await self._refuse(organisation_id, messages[0])
                        return
                    for received in messages:
                        await self._commit(asyncio.Semaphore(), organisation_id, [received])
                    return
                else:
                    return

    async def _refuse(self, organisation_id: str, received: Received) -> None:
        """Moves past a message that cannot be stored, and says so; waits for the database where it is away."""
        if not received.up.sequence:
            return
        group = _Group(marks={received.mark: received.up.sequence})
        refused = problem("E_INTERNAL", f"a {received.up.WhichOneof('body')} could not be stored")
        refused.sequence = received.up.sequence
        group.problems[received.mark] = [refused]
        while True:
            try:
                async with self._store.transaction(Scope(organisation_id)) as tx:
                    await _raise_marks(tx, organisation_id, group.marks)
            except DBAPIError as error:
                if not is_away(error):  # the device itself is gone
                    received.device.end(SerenoError("E_DEVICE_REVOKED"))
                    return
                await asyncio.sleep(RETRY_S)
            else:
                _acknowledge(group, [received])
                return

    async def _store_all(self, organisation_id: str, messages: Sequence[Received]) -> None:
        group = _Group()
        async with self._store.transaction(Scope(organisation_id)) as tx:
            stored = await _high_water(tx, organisation_id, messages)
            for received in messages:
                if received.up.sequence:
                    if received.up.sequence <= max(stored.get(received.mark, 0), group.marks.get(received.mark, 0)):
                        group.marks.setdefault(received.mark, stored.get(received.mark, 0))
                        continue
                    group.marks[received.mark] = received.up.sequence
                await _store_one(tx, group, received)
            await append(tx, group.rows)
            await _raise_marks(tx, organisation_id, group.marks)
            await _tell(tx, organisation_id, messages)
        _acknowledge(group, messages)


async def _store_one(tx: AsyncConnection, group: _Group, received: Received) -> None:
    kind = received.up.WhichOneof("body")
    if kind == "samples":
        row, problems = checked(received.device, received.up)
        if row is not None:
            group.rows.append(row)
            await note_skew(tx, received.device, row.last_ms)
    elif kind in STORE:
        problems = await STORE[kind](tx, received.device, received.up)
    else:
        problems = [problem("E_PROTOCOL_VERSION", f"this server takes no {kind or 'such message'}")]
    for found in problems:
        found.sequence = received.up.sequence
    if problems:
        group.problems.setdefault(received.mark, []).extend(_few(problems))


def _few(problems: list[Problem]) -> list[Problem]:
    """The first of them and how many more: an answer is never larger than what it answers."""
    more = len(problems) - PROBLEMS_MAX
    if more <= 0:
        return problems
    rest = problem("E_LIMIT", f"{more} more problems of this message are not listed")
    rest.sequence = problems[0].sequence
    return [*problems[:PROBLEMS_MAX], rest]


async def _high_water(tx: AsyncConnection, organisation_id: str, messages: Sequence[Received]) -> dict[Mark, int]:
    """How far each spool is stored, its row locked: two streams of one device cannot store the same message twice."""
    asked = sorted({received.mark for received in messages if received.up.sequence})
    if not asked:
        return {}
    rows = await tx.execute(
        _HIGH_WATER,
        {
            "organisation": organisation_id,
            "devices": [device for device, _ in asked],
            "epochs": [epoch for _, epoch in asked],
        },
    )
    return {(row.device_id, bytes(row.epoch)): row.high_water for row in rows}


async def _raise_marks(tx: AsyncConnection, organisation_id: str, marks: dict[Mark, int]) -> None:
    if not marks:
        return
    ordered = sorted(marks.items())
    await tx.execute(
        _RAISE,
        {
            "organisation": organisation_id,
            "devices": [device for (device, _), _ in ordered],
            "epochs": [epoch for (_, epoch), _ in ordered],
            "marks": [mark for _, mark in ordered],
        },
    )


async def _tell(tx: AsyncConnection, organisation_id: str, messages: Sequence[Received]) -> None:
    """Writes when devices were seen, and tells of their samples, both no more often than needed."""
    now = time.monotonic()
    seen = {each.device for each in messages if now - each.device.seen_stored_at >= SEEN_EVERY_S}
    if seen:
        await tx.execute(_SEEN, {"organisation": organisation_id, "devices": sorted(device.id for device in seen)})
    sampled = {each.device for each in messages if each.up.HasField("samples")}
    told = {device for device in sampled if now - device.sample_told_at >= SAMPLE_EVENT_EVERY_S}
    await emit_all(tx, [Event("sample", organisation_id, device.id, device.id) for device in told])
    for device in seen:
        device.seen_stored_at = now
    for device in told:
        device.sample_told_at = now


def _acknowledge(group: _Group, messages: Sequence[Received]) -> None:
    """Says to each device how far it is committed now. Called after the commit, and only then."""
    devices = {received.mark: received.device for received in messages if received.up.sequence}
    for mark, device in devices.items():
        device.acknowledge(
            Acknowledge(epoch=mark[1], sequence=group.marks[mark], problems=group.problems.get(mark, ()))
        )
