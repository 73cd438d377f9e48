"""One connected device: who it is, what waits to be written to it, which commands wait for its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import Message

from sereno_proto.errors import CATALOGUE, Refused, SerenoError
from sereno_proto.ids import new_id
from sereno_proto.limits import COMMANDS_PENDING_MAX, OUTBOX_MESSAGES_MAX
from sereno_proto.v1.link_pb2 import Acknowledge, Down
from sereno_proto.v1.runs_pb2 import (
    CancelRun,
    Command,
    DropPlan,
    ExecutePlan,
    MakePlan,
    OfferCertificate,
    OfferGrant,
    OfferRoster,
    Reply,
    RevokeGrant,
    RunCheck,
)
from sereno_server.gateway.authority import Identity

Body = (
    RunCheck | MakePlan | ExecutePlan | OfferRoster | OfferCertificate | DropPlan | CancelRun | OfferGrant | RevokeGrant
)
_FIELD: dict[type[Message], str] = {
    RunCheck: "run_check",
    MakePlan: "make_plan",
    ExecutePlan: "execute_plan",
    OfferRoster: "offer_roster",
    OfferCertificate: "offer_certificate",
    DropPlan: "drop_plan",
    CancelRun: "cancel_run",
    OfferGrant: "offer_grant",
    RevokeGrant: "revoke_grant",
}


@dataclass(eq=False)
class ConnectedDevice:
    """A live stream. identity is the certificate's; everything else the device said itself.

    series: the device's own id of each series -> the server's. heard: when its last message came, of a monotonic clock.
    """

    identity: Identity
    name: str
    epoch: bytes
    boot_id: bytes
    roster_version: int
    connected_at: datetime
    witnessed: int = 0  # rows of the organisation's ledger that the device holds a checkpoint of
    series: dict[int, int] = field(default_factory=dict)
    outbox: "asyncio.Queue[Down]" = field(default_factory=lambda: asyncio.Queue(OUTBOX_MESSAGES_MAX))
    pending: "dict[str, asyncio.Future[Reply]]" = field(default_factory=dict)
    early: "list[Down]" = field(default_factory=list)  # what is sent before the welcome goes after it
    welcomed: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    why: SerenoError | None = None
    challenged: bool = False  # a second machine claimed this identity while this stream was open
    seen_stored_at: float = 0.0
    sample_told_at: float = 0.0

    @property
    def organisation_id(self) -> str:
        return self.identity.organisation_id

    @property
    def id(self) -> str:
        return self.identity.device_id

    def end(self, why: SerenoError | None) -> None:
        """Ends the stream; the device is told why, where there is a reason."""
        if not self.ended.is_set():
            self.why = self.why or why
            self.ended.set()

    def welcome(self, down: Down) -> None:
        """Sends the welcome, which is the first of all messages, and what was sent before it."""
        self.welcomed = True
        self.send(down)
        while self.early:
            self.send(self.early.pop(0))

    def send(self, down: Down) -> None:
        """Hands a message to the stream's one writer; a device that does not read is cut off."""
        if not self.welcomed and len(self.early) < OUTBOX_MESSAGES_MAX:
            self.early.append(down)
            return
        try:
            self.outbox.put_nowait(down)
        except asyncio.QueueFull:
            self.end(SerenoError("E_OVERLOADED", "the device does not read what it is sent"))

    def acknowledge(self, acknowledgement: Acknowledge) -> None:
        """Says what is committed."""
        self.send(Down(acknowledge=acknowledgement))

    async def command(self, body: Body, timeout_s: float) -> Reply:
        """Sends a command and waits for its answer. Raises as `Gateway.command` does."""
        if self.ended.is_set():
            raise SerenoError("E_DEVICE_OFFLINE")
        if len(self.pending) >= COMMANDS_PENDING_MAX:
            raise SerenoError("E_OVERLOADED", "too many commands wait for this device")
        command = Command(id=new_id("cmd"))
        getattr(command, _FIELD[type(body)]).CopyFrom(body)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.pending[command.id] = answer
        try:
            self.send(Down(command=command))
            async with asyncio.timeout(timeout_s):
                reply = await answer
        except TimeoutError as error:
            raise SerenoError("E_TIMEOUT", f"{self.name} did not answer within {timeout_s:g} s") from error
        finally:
            del self.pending[command.id]
        if reply.WhichOneof("body") == "refusal":
            raise _refused(reply.refusal.code, reply.refusal.what, reply.refusal.remedy)
        return reply

    def answered(self, reply: Reply) -> None:
        """Hands an answer to who waits for it; one that nobody waits for any more is dropped."""
        answer = self.pending.get(reply.command_id)
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def abandon(self) -> None:
        """Fails every command that still waits: the stream is gone."""
        for answer in self.pending.values():
            if not answer.done():
                answer.set_exception(SerenoError("E_DEVICE_OFFLINE", f"{self.name} went away before it answered"))


def _refused(code: str, what: str, remedy: str) -> Refused:
    if code not in CATALOGUE:  # a newer agent's, or nonsense
        return Refused("E_INTERNAL", f"the device refused with {code[:64]}: {what[:1000]}", remedy[:1000])
    return Refused(code, what[:4000], remedy[:1000])


Clock = Callable[[], datetime]
