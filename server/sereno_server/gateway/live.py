"""The devices whose streams this node holds, and commands to them."""

import logging

from sereno_proto.errors import SerenoError
from sereno_proto.limits import COMMAND_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Reply
from sereno_server.gateway.connection import Body, ConnectedDevice

log = logging.getLogger(__name__)


class Live:
    """The registry of live streams, by organisation and device."""

    def __init__(self) -> None:
        self._devices: dict[tuple[str, str], ConnectedDevice] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def all(self) -> list[ConnectedDevice]:
        """Every live stream."""
        return list(self._devices.values())

    def get(self, organisation_id: str, device_id: str) -> ConnectedDevice | None:
        """The device's live stream, or None."""
        return self._devices.get((organisation_id, device_id))

    def add(self, device: ConnectedDevice) -> None:
        """Takes a new stream in place of the same machine's old one.

        Raises E_DUPLICATE_IDENTITY when the old one belongs to another machine: another epoch, or another boot of the
        same disk. Whether that machine truly lives shows when it speaks again (see `challenged`).
        """
        old = self._devices.get((device.organisation_id, device.id))
        if old is not None and not old.ended.is_set():
            if (old.epoch, old.boot_id) != (device.epoch, device.boot_id):
                old.challenged = True
                raise SerenoError("E_DUPLICATE_IDENTITY")
            old.end(SerenoError("E_CONFLICT", "the same machine opened another stream"))
        self._devices[device.organisation_id, device.id] = device

    def remove(self, device: ConnectedDevice) -> bool:
        """Forgets a stream that has ended; False when a newer one has taken its place."""
        key = (device.organisation_id, device.id)
        if self._devices.get(key) is not device:
            return False
        del self._devices[key]
        return True

    async def command(
        self, organisation_id: str, device_id: str, body: Body, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> Reply:
        """Sends one command to a device and gives its reply.

        Raises SerenoError E_DEVICE_OFFLINE, E_TIMEOUT or E_OVERLOADED, and Refused with the device's own code.
        """
        device = self.get(organisation_id, device_id)
        if device is None:
            raise SerenoError("E_DEVICE_OFFLINE")
        return await device.command(body, timeout_s)
