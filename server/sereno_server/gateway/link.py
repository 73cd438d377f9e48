"""The stream between a device and the server: hello and welcome, then what comes up and what goes down."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import grpc
from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_proto.limits import (
    HELLO_TIMEOUT_S,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    PROTOCOL_VERSION,
    PROTOCOL_VERSION_MIN,
    SERIES_NAME_CHARS_MAX,
    SERIES_PER_DEVICE_MAX,
    SERIES_TEXT_BYTES_MAX,
)
from sereno_proto.v1.link_pb2 import Down, SeriesKind, SeriesName, Settings, Up, Welcome
from sereno_proto.v1.link_pb2_grpc import LinkServicer
from sereno_server.audit.ledger import words
from sereno_server.gateway.authority import Authority, Identity, identity
from sereno_server.gateway.connection import Clock, ConnectedDevice
from sereno_server.gateway.ingest.inventory import inventory_digest
from sereno_server.gateway.ingest.notices import note
from sereno_server.gateway.intake import Intake, Received
from sereno_server.gateway.live import Live
from sereno_server.gateway.offers import offer_all
from sereno_server.gateway.presence import arrived, high_water, left, recognise
from sereno_server.gateway.refuse import refuse
from sereno_server.store.away import is_away
from sereno_server.store.engine import Scope, Store
from sereno_server.store.samples import SeriesKey, name_series
from sereno_server.wishes import wishes

Context = Any  # grpc.aio.ServicerContext[Up, Down]; gRPC has no types

EPOCH_BYTES = 16
SEQUENCE_MAX = (1 << 63) - 1
OFFERS_AT_ONCE = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinkParts:
    """What the service works with. settings: asked of every device; node: the name of this server."""

    store: Store
    authority: Authority
    live: Live
    intake: Intake
    settings: Settings
    node: str
    clock: Clock


class Link(LinkServicer):
    """The only service of the devices' listener. Whoever gets here holds a certificate of our authority."""

    def __init__(self, parts: LinkParts) -> None:
        self._store = parts.store
        self._authority = parts.authority
        self._live = parts.live
        self._intake = parts.intake
        self._settings = parts.settings
        self._node = parts.node
        self._clock = parts.clock
        self._offers = asyncio.Semaphore(OFFERS_AT_ONCE)

    async def Connect(self, _: object, context: Context) -> None:  # noqa: N802 (the method's name in the .proto)
        """Serves one device until either side ends the stream."""
        try:
            device, welcome = await self._admit(context)
        except SerenoError as error:
            await refuse(context, error)
        except (DBAPIError, OSError):
            log.warning("link: a device could not be admitted: the database is away")
            await refuse(context, SerenoError("E_POSTGRESQL"))
        try:
            device.welcome(Down(welcome=welcome))
            await self._serve(device, context)
        finally:
            device.end(None)
            device.abandon()
            if self._live.remove(device):
                await self._leave(device)
        if device.why is not None:
            await refuse(context, device.why)

    async def _admit(self, context: Context) -> tuple[ConnectedDevice, Welcome]:
        """Knows the device by its certificate, hears its hello, and makes its stream the live one."""
        caller = _caller(context)
        async with self._store.transaction(Scope(caller.organisation_id)) as tx:
            name = await recognise(tx, caller)
        up = await _first_message(context)
        now = self._clock()
        device = ConnectedDevice(
            identity=caller,
            name=name,
            epoch=up.epoch,
            boot_id=up.hello.boot_id[:64],
            roster_version=min(up.hello.roster_version, SEQUENCE_MAX),
            connected_at=now,
            witnessed=min(up.hello.status.checkpoint_size, SEQUENCE_MAX),
        )
        self._live.add(device)
        try:
            async with self._store.transaction(Scope(device.organisation_id)) as tx:
                await arrived(tx, device, up.hello, self._node, now)
                mark = await high_water(tx, device)
                inventory = await inventory_digest(tx, device)
                wanted = await wishes.read(tx, device.organisation_id, device.id)
        except BaseException:
            self._live.remove(device)
            raise
        return device, Welcome(
            protocol_version=min(up.hello.protocol_version, PROTOCOL_VERSION),
            device_id=device.id,
            clock_ms=int(now.timestamp() * 1000),
            high_water=mark,
            settings=wishes.settings(self._settings, wanted),
            inventory_digest=inventory,
        )

    async def _serve(self, device: ConnectedDevice, context: Context) -> None:
        """Reads, writes and offers until one of them ends, or the stream is ended from elsewhere."""
        tasks = [
            asyncio.create_task(self._read(device, context), name=f"read {device.id}"),
            asyncio.create_task(_write(device, context), name=f"write {device.id}"),
            asyncio.create_task(device.ended.wait(), name=f"end {device.id}"),
        ]
        offers = asyncio.create_task(self._offer(device), name=f"offer {device.id}")
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, offers):
                task.cancel()
            outcomes = await asyncio.gather(*tasks, offers, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, SerenoError):
                device.why = device.why or outcome
            elif isinstance(outcome, Exception):
                log.warning("link: the stream of %s broke: %r", device.id, outcome)

    async def _offer(self, device: ConnectedDevice) -> None:
        async with self._offers:
            await offer_all(self._store, self._authority, device, self._clock())

    async def _leave(self, device: ConnectedDevice) -> None:
        try:
            await left(self._store, device, self._node)
        except (DBAPIError, OSError):
            log.warning("link: that %s left is written later: the database is away", device.id)

    # --- what comes up ------------------------------------------------------------------------------------------------

    async def _read(self, device: ConnectedDevice, context: Context) -> None:
        while True:
            up = await context.read()
            if up is grpc.aio.EOF:
                return
            if device.challenged:
                await self._note_clone(device)
            await self._take(device, up)

    async def _take(self, device: ConnectedDevice, up: Up) -> None:
        kind = up.WhichOneof("body")
        if up.sequence:
            if up.epoch != device.epoch or up.sequence > SEQUENCE_MAX:
                raise SerenoError("E_BAD_REQUEST", "a message is not of the epoch that hello named")
            await self._intake.put(Received(device, up))
        elif kind == "names":
            await self._name(device, list(up.names.series))
        elif kind == "reply":
            device.answered(up.reply)
        elif kind in {"status", "notice"}:
            await self._intake.put(Received(device, up))
        else:
            raise SerenoError("E_BAD_REQUEST", f"a {kind or 'message without body'} was not expected here")

    async def _name(self, device: ConnectedDevice, names: list[SeriesName]) -> None:
        """Learns the device's ids of its series; batches that follow use them."""
        if len(device.series) + len(names) > 2 * SERIES_PER_DEVICE_MAX:
            raise SerenoError("E_LIMIT", f"a device has at most {SERIES_PER_DEVICE_MAX} series")
        keys = {name.id: _series_key(name) for name in names}
        while True:
            try:
                async with self._store.transaction(Scope(device.organisation_id)) as tx:
                    known = await name_series(tx, device.organisation_id, device.id, list(keys.values()))
            except (DBAPIError, OSError) as error:
                if not is_away(error):
                    raise SerenoError("E_BAD_REQUEST", "the names of series could not be stored") from error
                await asyncio.sleep(1.0)  # the stream waits with the database; nothing is lost
            else:
                break
        device.series.update({series: known[key] for series, key in keys.items()})

    async def _note_clone(self, device: ConnectedDevice) -> None:
        """Two machines live under one identity: this one spoke after another had asked for its place."""
        device.challenged = False
        async with self._store.transaction(Scope(device.organisation_id)) as tx:
            what = f"two machines use the identity of {device.name}; the second was turned away"
            await note(tx, device, "E_DUPLICATE_IDENTITY", what)


def _caller(context: Context) -> Identity:
    """Who the client certificate says is calling; TLS has checked that our authority signed it."""
    found = context.auth_context().get("x509_pem_cert")
    if not found:
        raise SerenoError("E_NOT_SIGNED_IN", "no client certificate")
    return identity(found[0])


async def _first_message(context: Context) -> Up:
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            up = await context.read()
    except TimeoutError as error:
        raise SerenoError("E_TIMEOUT", "no hello came") from error
    if not isinstance(up, Up) or up.WhichOneof("body") != "hello" or len(up.epoch) != EPOCH_BYTES:
        raise SerenoError("E_BAD_REQUEST", "the first message is not a hello with its epoch")
    if not up.hello.protocol_version >= PROTOCOL_VERSION_MIN:
        raise SerenoError("E_PROTOCOL_VERSION", f"protocol version {up.hello.protocol_version} is too old")
    return up


async def _write(device: ConnectedDevice, context: Context) -> None:
    """The stream's one writer: two tasks that write one stream fail."""
    while True:
        await context.write(await device.outbox.get())


def _series_key(name: SeriesName) -> SeriesKey:
    labels = tuple(sorted((words(key), words(value)) for key, value in name.labels.items()))
    long = any(len(key) > LABEL_CHARS_MAX or len(value) > LABEL_CHARS_MAX for key, value in labels)
    if not name.id or not 0 < len(name.name) <= SERIES_NAME_CHARS_MAX or len(labels) > LABELS_MAX or long:
        raise SerenoError("E_LIMIT", f"the series {name.name[:SERIES_NAME_CHARS_MAX]!r} exceeds the limits")
    kind = "counter" if name.kind == SeriesKind.SERIES_KIND_COUNTER else "gauge"
    key = SeriesKey(words(name.name), labels, kind)
    if len(key.text.encode()) > SERIES_TEXT_BYTES_MAX:
        raise SerenoError(
            "E_LIMIT", f"name and labels of the series {key.name!r} are longer than {SERIES_TEXT_BYTES_MAX}"
        )
    return key
