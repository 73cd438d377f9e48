"""The agent's core as a bench runs it: its own process, joined to a Link server in this one, everything on."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.agent.certificates import Authority
from tests.agent.link_server import LinkServer, joined_folders, serving
from tests.bench import process_cost

from sereno_agent.config import Joined, write_joined

POLICY = '[folders.logs]\npath = "{logs}"\nquota_bytes = 1000000\n[files.config]\npath = "{config}"\n'


class Core:
    """A core's process, and its server, which can go away and come back on the same port."""

    def __init__(self, process: "subprocess.Popen[bytes]", server: LinkServer, made: Authority, port: int) -> None:
        self.process = process
        self.server = server
        self.first_batch_ms = 0.0  # from its start to the first samples at the server
        self.first_batch_cpu_ms = 0.0  # CPU it used for that: the same on a machine that is busy
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
async def running(folder: Path, settings: str = "") -> AsyncIterator[Core]:
    """A core with a server that is up, once its first batch is there. settings: its agent.toml."""
    folders, made = joined_folders(folder / "state")
    folders.config.write_text(settings)
    (folder / "logs").mkdir()
    (folder / "logs" / "app.log").write_text("x" * 1000)
    (folder / "app.conf").write_text("rotate = on\n")
    folders.policy.write_text(POLICY.format(logs=folder / "logs", config=folder / "app.conf"))
    server = LinkServer()
    async with serving(server, made) as port:
        pass  # a port that is free, to be used again and again
    write_joined(folders.joined, Joined("dev_test", "bench", "org_test", f"127.0.0.1:{port}"))
    command = [sys.executable, "-m", "sereno_agent", "run", "--state", str(folders.state)]
    environment = installed(folder / "compiled")
    async with AsyncExitStack() as stack:
        for _ in range(2):  # the first start compiles, as an installation does
            server.forget()
            started = time.monotonic()
            core = Core(subprocess.Popen(command, env=environment), server, made, port)  # noqa: ASYNC220
            try:
                await core.listen()
                await server.until(lambda: any(up.HasField("samples") for up in server.committed))
                core.first_batch_ms = (time.monotonic() - started) * 1000
                core.first_batch_cpu_ms = process_cost.cpu_ms(core.process.pid)
            except BaseException:
                await _end(core)
                raise
            if _ == 0:
                await _end(core)
        stack.push_async_callback(_end, core)
        yield core


def installed(compiled: Path) -> dict[str, str]:
    """The environment of an installation: code compiled once, and what the unit sets for the C library."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    unit = (Path(__file__).parents[2] / "installer" / "sereno-agent.service").read_text()
    environment |= dict(re.findall(r"^Environment=(MALLOC_\w+)=(\S+)$", unit, re.MULTILINE))
    return environment | {"PYTHONPYCACHEPREFIX": str(compiled)}


async def _end(core: Core) -> None:
    core.process.terminate()
    await asyncio.to_thread(core.process.wait)
    await core.go_away()
