"""The gateway: both listeners, the live devices, and what keeps them right."""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from sereno_proto.errors import SerenoError
from sereno_proto.limits import COMMAND_TIMEOUT_S
from sereno_proto.v1.link_pb2 import Settings as DeviceSettings
from sereno_proto.v1.runs_pb2 import Reply
from sereno_server.config import Settings
from sereno_server.gateway import presence
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.connection import Body, Clock
from sereno_server.gateway.enrollment import Enrollment
from sereno_server.gateway.intake import Intake
from sereno_server.gateway.link import Link
from sereno_server.gateway.listeners import enroll_listener, link_listener
from sereno_server.gateway.live import Live
from sereno_server.gateway.offers import offer_all
from sereno_server.store.engine import Store
from sereno_server.store.events import RESYNC, Events

if TYPE_CHECKING:
    from sereno_server.app import App

CORRECT_EVERY_S = 15.0
STOP_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addresses:
    """The ports that the listeners took."""

    link_port: int
    enroll_port: int


class Gateway:
    """What the rest of the server sees of the devices."""

    def __init__(self, settings: Settings, store: Store, events: Events, authority: Authority, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._events = events
        self._authority = authority
        self._clock = clock
        self.live = Live()
        self._intake = Intake(store)
        self._addresses: asyncio.Future[Addresses] | None = None
        self._offering = asyncio.Queue[str]()

    async def command(
        self, organisation_id: str, device_id: str, body: Body, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> Reply:
        """Sends one command to a device and gives its reply.

        Raises SerenoError E_DEVICE_OFFLINE, E_TIMEOUT or E_OVERLOADED, and Refused with the device's own code.
        """
        return await self.live.command(organisation_id, device_id, body, timeout_s)

    def offer_roster(self, organisation_id: str) -> None:
        """Offers the organisation's newest roster to its connected devices, soon; call it after the commit."""
        self._offering.put_nowait(organisation_id)
