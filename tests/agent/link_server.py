"""A small Link server in this process: commits what comes, acknowledges it, says what the test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from grpc import aio
from tests.agent.certificates import Authority, authority

from sereno_agent.folders import Folders
from sereno_proto.v1.link_pb2 import Acknowledge, Down, SeriesName, Up, Welcome
from sereno_proto.v1.link_pb2_grpc import LinkServicer, add_LinkServicer_to_server


class LinkServer(LinkServicer):
    def __init__(self) -> None:
        self.high_water: dict[bytes, int] = {}
        self.committed: list[Up] = []
        self.passing: list[Up] = []
        self.hellos: list[Up] = []
        self.callers: list[bytes] = []
        self.names: dict[int, SeriesName] = {}
        self.unnamed: list[int] = []
        self.downs: asyncio.Queue[Down] = asyncio.Queue()
        self.acknowledge = True
        self.break_after = 0  # ends a connection without acknowledging after so many spooled messages
        self.refuse = ""
        self.unwelcome: list[Down] = []  # said instead of a welcome, once each
        self.changed = asyncio.Condition()

    async def Connect(self, _, context):  # noqa: N802, the method of the .proto
        if self.refuse:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, self.refuse)
        hello = await context.read()
        self.callers.append(context.auth_context()["x509_common_name"][0])
        self.hellos.append(hello)
        self.names.clear()
        if self.unwelcome:
            await context.write(self.unwelcome.pop(0))
            await asyncio.Event().wait()
        await context.write(Down(welcome=Welcome(protocol_version=1, high_water=self.high_water.get(hello.epoch, 0))))
        writer = asyncio.create_task(self._write(context))
        try:
            count = 0
            while (up := await context.read()) is not aio.EOF:
                count += up.sequence > 0
                if self.break_after and count > self.break_after:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "broken by the test")
                self._take(hello, up)
                async with self.changed:
                    self.changed.notify_all()
        finally:
            writer.cancel()

    def _take(self, hello: Up, up: Up) -> None:
        if up.HasField("names"):
            self.names.update({name.id: name for name in up.names.series})
        for matrix in up.samples.matrices:
            self.unnamed += [series for series in matrix.series if series not in self.names]
        if not up.sequence:
            self.passing.append(up)
            return
        assert up.epoch == hello.epoch
        if up.sequence > self.high_water.get(up.epoch, 0):
            self.high_water[up.epoch] = up.sequence
            self.committed.append(up)
        if self.acknowledge:
            self.downs.put_nowait(Down(acknowledge=Acknowledge(epoch=up.epoch, sequence=up.sequence)))

    async def _write(self, context):
        while True:
            await context.write(await self.downs.get())

    def forget(self) -> None:
        """Lets go of what came, for runs that take long."""
        for kept in (self.committed, self.passing, self.hellos, self.callers, self.unnamed):
            kept.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(condition)


@asynccontextmanager
async def serving(server: LinkServer, made: Authority, port: int = 0) -> AsyncIterator[int]:
    grpc_server = aio.server()
    add_LinkServicer_to_server(server, grpc_server)
    credentials = grpc.ssl_server_credentials([made.pair("sereno-server")], made.pem, require_client_auth=True)
    port = grpc_server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await grpc_server.start()
    try:
        yield port
    finally:
        await grpc_server.stop(0)


def joined_folders(state: Path) -> tuple[Folders, Authority]:
    folders, made = Folders(state), authority()
    folders.make()
    key, chain = made.pair("dev_test")
    folders.client_key.write_bytes(key)
    folders.client_pem.write_bytes(chain)
    folders.ca_pem.write_bytes(made.pem)
    return folders, made
