"""The stream to the server: dialled by the agent, one writer, kept for ever.

What is spooled is sent from the server's high-water mark on and forgotten when acknowledged. Nothing that arrives here
is trusted: commands go to where they are checked.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc
from grpc import aio

from sereno_agent import timer_slack
from sereno_agent.folders import Folders
from sereno_agent.outbox import Outbox
from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_proto.limits import KEEPALIVE_MS, MESSAGE_BYTES_MAX, RECONNECT_DELAY_S_MAX
from sereno_proto.v1.link_pb2 import Checkpoint, Down, Hello, Problem, Settings, Up
from sereno_proto.v1.runs_pb2 import Command

TARGET_NAME: Final = "sereno-server"
WELCOME_S_MAX: Final = 20.0
# How late gRPC's threads may wake by themselves. While the first channel is made gRPC mostly measures the processor's
# clock, by two short sleeps of our own thread that become that much longer: it may not cost the start.
FIRST_SLACK_MS: Final = 50
SLACK_MS: Final = 300
_METHOD: Final = "/sereno_proto.v1.Link/Connect"
_STEADY_S: Final = 10.0  # a connection that lasted so long starts the back-off anew
_OPTIONS: Final = (
    ("grpc.ssl_target_name_override", TARGET_NAME),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_MS // 2),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX + 1024),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX + 1024),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)

Stream = Any  # aio.StreamStreamCall; its generic arguments differ between grpc's own stubs and grpc-stubs
Sleep = Callable[[float], Any]


class Host(Protocol):
    """What the link asks of the agent around it."""

    def hello(self) -> Hello:
        """The first message of a connection."""
        ...

    def settings(self, settings: Settings) -> None:
        """The server's wishes; clamped there."""
        ...

    def inventory_known(self, digest: str) -> None:
        """Which inventory the server has."""
        ...

    def command(self, command: Command) -> None:
        """A command, to be refused or carried out there; the reply comes back through `post`."""
        ...

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """A head of the server's ledger, to be witnessed."""
        ...

    def problem(self, problem: Problem) -> None:
        """What the server refused of what was sent."""
        ...


class Link:
    """Keeps one connection alive, however often it breaks."""

    def __init__(
        self,
        address: str,
        folders: Folders,
        spool: Spool,
        series: Series,
        host: Host,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._folders = folders
        self._spool = spool
        self._series = series
        self._host = host
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock
        self._outbox: Outbox | None = None
        self._call: Stream | None = None
        self._slack_ms = FIRST_SLACK_MS
        self.connected_since_ms = 0  # 0 = not connected
        self.acknowledged_ms = 0  # when the server last committed something
        self.error = ""  # why the last connection ended or could not be made
        spool.appended = self._wake

    def post(self, up: Up) -> None:
        """Sends a passing message if there is a connection."""
        if self._outbox is not None:
            up.made_ms = up.made_ms or time.time_ns() // 1_000_000
            self._outbox.post(up)

    def reconnect(self) -> None:
        """Ends the connection, so that the next one uses a new certificate."""
        if self._call is not None:
            self._call.cancel()

    async def run(self) -> None:
        """Connects, again and again with full jitter, until cancelled."""
        attempt = 0
        while True:
            started = self._clock()
            try:
                await self._connect()
                self.error = "the server ended the connection"
            except Exception as error:  # noqa: BLE001, whatever breaks a connection must not end the agent
                self.error = _reason(error)
            attempt = 0 if self._clock() - started > _STEADY_S else attempt + 1
            await self._sleep(self._jitter(0.0, min(RECONNECT_DELAY_S_MAX, 0.5 * 2 ** min(attempt, 10))))

    async def _connect(self) -> None:
        credentials = grpc.ssl_channel_credentials(
            self._folders.ca_pem.read_bytes(),
            self._folders.client_key.read_bytes(),
            self._folders.client_pem.read_bytes(),
        )
        with timer_slack.of_new_threads(self._slack_ms):
            opened = aio.secure_channel(self._address, credentials, options=_OPTIONS)
        self._slack_ms = SLACK_MS
        async with opened as channel:
            # Messages are spooled as bytes and sent as they are: no parsing in between.
            connect: Any = channel.stream_stream(
                _METHOD, request_serializer=bytes, response_deserializer=Down.FromString
            )
            call = connect()
            try:
                await self._greet(call)
                await self._converse(call)
            finally:
                call.cancel()

    async def _greet(self, call: Stream) -> None:
        async with asyncio.timeout(WELCOME_S_MAX):
            hello = Up(epoch=self._spool.epoch, hello=self._host.hello(), made_ms=time.time_ns() // 1_000_000)
            await call.write(hello.SerializeToString())
            down = await call.read()
            if down is aio.EOF:  # reading the status raises what the server said
                await _raise_status(call)
        if down is aio.EOF or down.WhichOneof("body") != "welcome":  # of a stream that goes on there is no status
            raise OSError("the server did not welcome this device")
        if not self._spool.resume(down.welcome.high_water):
            raise OSError("the server has more than this spool ever sent: a new epoch is begun")
        if down.welcome.HasField("settings"):
            self._host.settings(down.welcome.settings)
        self._host.inventory_known(down.welcome.inventory_digest)

    async def _converse(self, call: Stream) -> None:
        self._outbox = outbox = Outbox(self._spool, self._series)
        self._call = call
        self.connected_since_ms = time.time_ns() // 1_000_000
        self.error = ""
        writer = asyncio.create_task(self._write(call, outbox))
        reader = asyncio.create_task(self._read(call, outbox))
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._outbox = self._call = None
            self.connected_since_ms = 0
            writer.cancel()
            reader.cancel()
            ended = await asyncio.gather(writer, reader, return_exceptions=True)
            outbox.close()
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _write(self, call: Stream, outbox: Outbox) -> None:
        while True:
            await call.write(await outbox.next())

    async def _read(self, call: Stream, outbox: Outbox) -> None:
        while True:
            down = await call.read()
            if down is aio.EOF:
                await _raise_status(call)
                return
            body = down.WhichOneof("body")
            if body == "acknowledge":
                if down.acknowledge.epoch == self._spool.epoch:
                    self.acknowledged_ms = time.time_ns() // 1_000_000
                    self._spool.acknowledge(down.acknowledge.sequence)
                    outbox.acknowledged(down.acknowledge.sequence)
                for problem in down.acknowledge.problems:
                    self._host.problem(problem)
            elif body == "command":
                self._host.command(down.command)
            elif body == "settings":
                self._host.settings(down.settings)
            elif body == "checkpoint":
                self._host.checkpoint(down.checkpoint)

    def _wake(self) -> None:
        if self._outbox is not None:
            self._outbox.wake()


async def _raise_status(call: Stream) -> None:
    code = await call.code()
    if code != grpc.StatusCode.OK:
        raise OSError(f"{await call.details() or code.name}")


def _reason(error: BaseException) -> str:
    if isinstance(error, aio.AioRpcError):
        return f"{error.details() or error.code().name}"[:500]
    if isinstance(error, TimeoutError):
        return f"no welcome within {WELCOME_S_MAX:g} s"
    text = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return text[:500]
