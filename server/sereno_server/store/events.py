"""What just changed, told to every node at commit: PostgreSQL's NOTIFY out, queues within the process in."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CHANNEL = "sereno_events"
QUEUE_EVENTS_MAX = 1000
RECONNECT_S = 0.5
RESYNC = "resync"  # events may have been missed: read anew whatever is shown or cached
KINDS = frozenset(
    {
        "sample",
        "status",
        "change",
        "log",
        "forecast",
        "alert",
        "ticket",
        "run",
        "device",
        "roster",
        "wishes",
        "grant",
        "rollout",
        RESYNC,
    }
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """A row that was made or changed; who hears it reads the row.

    kind: one of KINDS (roster: a newer one was published, its id is the version).
    id: of the ticket, run, device, ...; device_id: where it belongs to one.
    """

    kind: str
    organisation_id: str
    id: str
    device_id: str = ""


async def emit(tx: AsyncConnection, event: Event) -> None:
    """Tells every node when, and only if, the transaction commits."""
    assert event.kind in KINDS, event.kind
    payload = json.dumps(asdict(event), separators=(",", ":"))
    await tx.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


async def emit_all(tx: AsyncConnection, events: list[Event]) -> None:
    """As `emit`, in one statement."""
    payloads = [json.dumps(asdict(event), separators=(",", ":")) for event in events]
    if payloads:
        await tx.execute(
            text("SELECT pg_notify(:channel, payload) FROM unnest(cast(:payloads AS text[])) AS payload"),
            {"channel": CHANNEL, "payloads": payloads},
        )


class Events:
    """Hears the database's events and hands them to subscribers in this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._queues: dict[asyncio.Queue[Event], frozenset[str]] = {}
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def subscribe(self, *kinds: str) -> Iterator[asyncio.Queue[Event]]:
        """A queue of the events of these kinds (all without any), within the block.

        A subscriber that falls too far behind loses the oldest and finds a `resync` event in their place; so does
        everyone when the connection to the database was lost.
        """
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_EVENTS_MAX)
        self._queues[queue] = frozenset(kinds) | {RESYNC} if kinds else KINDS
        try:
            yield queue
        finally:
            del self._queues[queue]

    def deliver(self, event: Event) -> None:
        """Hands one event to every subscriber that asked for its kind."""
        for queue, kinds in self._queues.items():
            if event.kind not in kinds:
                continue
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(Event(RESYNC, "", ""))
            queue.put_nowait(event)

    async def run(self) -> None:
        """Listens until cancelled; connects again when the database comes back."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("events: the database is away: %s", str(error).strip())
            self.listening.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=10) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self.listening.set()
            self.deliver(Event(RESYNC, "", ""))
            async for notice in connection.notifies():
                with contextlib.suppress(ValueError, TypeError):
                    self.deliver(Event(**json.loads(notice.payload)))
