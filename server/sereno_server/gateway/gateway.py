"""The gateway: both listeners, the live devices, and what keeps them right."""

import asyncio
import logging
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_proto.limits import COMMAND_TIMEOUT_S
from sereno_proto.v1.link_pb2 import Down
from sereno_proto.v1.link_pb2 import Settings as DeviceSettings
from sereno_proto.v1.runs_pb2 import Reply
from sereno_server.config import Settings
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.connection import Body, Clock, ConnectedDevice
from sereno_server.gateway.enrollment import Enrollment
from sereno_server.gateway.intake import Intake
from sereno_server.gateway.link import Link, LinkParts
from sereno_server.gateway.listeners import Certificates, Listener, listen_for_devices, listen_for_joins
from sereno_server.gateway.live import Live
from sereno_server.gateway.offers import behind, offer_all
from sereno_server.gateway.presence import correct, revoked
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Events
from sereno_server.wishes import wishes

CORRECT_EVERY_S = 15.0
RENEW_EVERY_S = 3600.0
OFFERS_AT_ONCE = 16
STOP_S = 2.0

log = logging.getLogger(__name__)


class Gateway:
    """What the rest of the server sees of the devices. `start` takes the ports, `run` serves until cancelled."""

    def __init__(self, settings: Settings, store: Store, events: Events, authority: Authority, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._events = events
        self._authority = authority
        self._clock = clock
        self._intake = Intake(store)
        self._listeners: list[Listener] = []
        self.live = Live()

    async def command(
        self, organisation_id: str, device_id: str, body: Body, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> Reply:
        """Sends one command to a device and gives its reply.

        Raises SerenoError E_DEVICE_OFFLINE, E_TIMEOUT or E_OVERLOADED, and Refused with the device's own code.
        """
        return await self.live.command(organisation_id, device_id, body, timeout_s)

    async def start(self) -> Settings:
        """Opens both listeners; gives the settings with the ports that they took. Raises E_PORT_TAKEN."""
        try:
            await correct(self._store, self._settings.node, [])
        except (DBAPIError, OSError):
            log.warning("gateway: the database is away; presence is corrected later")
        key, chain = self._authority.server_certificate(self._clock())
        own = Certificates(key, chain, self._authority.ca_pem.encode())
        settings = self._settings
        link = Link(
            LinkParts(
                store=self._store,
                authority=self._authority,
                live=self.live,
                intake=self._intake,
                settings=self._asked(),
                node=settings.node,
                clock=self._clock,
            )
        )
        devices = await listen_for_devices(link, own, settings.link_host, settings.link_port)
        self._listeners.append(devices)
        settings = replace(settings, link_port=devices.port)
        enrollment = Enrollment(self._store, self._authority, settings.link_target(), self._clock)
        joins = await listen_for_joins(enrollment, own, settings.enroll_host, settings.enroll_port)
        self._listeners.append(joins)
        return replace(settings, enroll_port=joins.port)

    async def stop(self) -> None:
        """Ends all streams in order and closes the listeners."""
        for device in self.live.all():
            device.end(None)
        for listener in self._listeners:
            await listener.server.stop(STOP_S)
        self._listeners.clear()

    async def run(self) -> None:
        """Stores what comes, and keeps presence, revocations and offers right, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._intake.run(), name="intake")
                tasks.create_task(self._follow(), name="gateway events")
                tasks.create_task(self._correct(), name="presence")
        finally:
            await self.stop()

    async def _follow(self) -> None:
        """Ends streams whose access was revoked, and offers rosters that were published."""
        with self._events.subscribe("device", "roster", "wishes") as queue:
            while True:
                event = await queue.get()
                try:
                    live = [device for device in self.live.all() if not event.id or event.device_id in ("", device.id)]
                    if event.kind == "wishes":
                        await self._tell_wishes(live)
                        continue
                    await self._end_revoked(live)
                    if event.kind != "device":
                        await self._offer(await behind(self._store, live))
                except (DBAPIError, OSError):
                    log.warning("gateway: the database is away; it is looked at again later")

    async def _tell_wishes(self, live: list[ConnectedDevice]) -> None:
        for device in live:
            async with self._store.transaction(Scope(device.organisation_id)) as tx:
                wanted = await wishes.read(tx, device.organisation_id, device.id)
            device.send(Down(settings=wishes.settings(self._asked(), wanted)))

    def _asked(self) -> DeviceSettings:
        """What this server asks of every device."""
        return DeviceSettings(collect_interval_ms=self._settings.collect_interval_ms)

    async def _end_revoked(self, live: list[ConnectedDevice]) -> None:
        for device in await revoked(self._store, live) if live else ():
            device.end(SerenoError("E_DEVICE_REVOKED"))

    async def _offer(self, devices: list[ConnectedDevice]) -> None:
        limit = asyncio.Semaphore(OFFERS_AT_ONCE)

        async def offer(device: ConnectedDevice) -> None:
            async with limit:
                await offer_all(self._store, self._authority, device, self._clock())

        async with asyncio.TaskGroup() as tasks:
            for device in devices:
                tasks.create_task(offer(device))

    async def _correct(self) -> None:
        """Puts presence right now and then, and renews certificates of streams that last for weeks."""
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while True:
            await asyncio.sleep(CORRECT_EVERY_S)
            try:
                await correct(self._store, self._settings.node, self.live.all())
                await self._end_revoked(self.live.all())
                if loop.time() - renewed_at >= RENEW_EVERY_S:
                    renewed_at = loop.time()
                    await self._offer(self.live.all())
            except (DBAPIError, OSError):
                log.warning("gateway: the database is away; presence is corrected later")
