"""What runs and desk need of the server: the seam where tests put a fake."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

from sereno_proto.v1.runs_pb2 import (
    CancelRun,
    DropPlan,
    ExecutePlan,
    MakePlan,
    OfferGrant,
    Reply,
    RevokeGrant,
    RunCheck,
    Step,
)
from sereno_server.store.engine import Store

Order = RunCheck | MakePlan | ExecutePlan | DropPlan | CancelRun | OfferGrant | RevokeGrant
# Codes that say nothing about what was asked, only that now is not the time.
LATER: Final = frozenset({"E_DEVICE_OFFLINE", "E_TIMEOUT", "E_OVERLOADED", "E_RUN_BUSY"})

Clock = Callable[[], datetime]
Compile = Callable[[str, Mapping[str, str]], list[Step]]


class Gateway(Protocol):
    """The way to a connected device."""

    async def command(self, organisation_id: str, device_id: str, body: Order, timeout_s: float = ...) -> Reply:
        """Sends one command; raises E_DEVICE_OFFLINE, E_TIMEOUT, or Refused with the device's own code."""
        ...


class Parts(Protocol):
    """The running server, as far as it is needed here."""

    @property
    def store(self) -> Store: ...

    @property
    def gateway(self) -> Gateway: ...
