"""The agent's core as a bench runs it: its own process, joined to a Link server in this one, everything on."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.agent.certificates import Authority
from tests.agent.link_server import LinkServer, joined_folders, serving

from sereno_agent.config import Joined, write_joined

POLICY = '[folders.logs]\npath = "{logs}"\nquota_bytes = 1000000\n[files.config]\npath = "{config}"\n'


class Core:
    """A core's process, and its server, which can go away and come back on the same port."""

    def __init__(self, process: "subprocess.Popen[bytes]", server: LinkServer, made: Authority, port: int) -> None:
        self.process = process
        self.server = server
        self.first_batch_ms = 0.0  # from its start to the first batch at the server
        self._made = made
        self._port = port
        self._up: AsyncExitStack | None = None

    async def listen(self) -> None:
        if self._up is None:
            up = AsyncExitStack()
            await up.enter_async_context(serving(self.server, self._made, self._port))
            self._up = up

    async def go_away(self) -> None:
        if self._up is not None:
            up, self._up = self._up, None
            await up.aclose()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Core]:
    """A core with a server that is up, once its first batch is there."""
    folders, made = joined_folders(folder / "state")
    (folder / "logs").mkdir()
    (folder / "logs" / "app.log").write_text("x" * 1000)
    (folder / "app.conf").write_text("rotate = on\n")
    folders.policy.write_text(POLICY.format(logs=folder / "logs", config=folder / "app.conf"))
    server = LinkServer()
    async with serving(server, made) as port:
        pass  # a port that is free, to be used again and again
    write_joined(folders.joined, Joined("dev_test", "bench", "org_test", f"127.0.0.1:{port}"))
    async with AsyncExitStack() as stack:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220, the bench has nothing else to do
            [sys.executable, "-m", "sereno_agent", "run", "--state", str(folders.state)]
        )
        stack.push_async_callback(_end, process)
        core = Core(process, server, made, port)
        stack.push_async_callback(core.go_away)
        await core.listen()
        await server.until(lambda: len(server.committed) > 0)
        core.first_batch_ms = (time.monotonic() - started) * 1000
        yield core


async def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    await asyncio.to_thread(process.wait)
