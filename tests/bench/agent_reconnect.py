"""Whether connecting to the server again and again leaves memory behind: private memory after each hundred connections.

A process of its own makes the connections as the core does (a new channel, hello, welcome, gone), as fast as it can, in
the heap that the unit sets; nothing else runs in it. `--connections N` (default 600).
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.agent.link_server import LinkServer, joined_folders, serving
from tests.bench import agent_core, process_cost

from sereno_agent.folders import Folders
from sereno_agent.link import _METHOD, _OPTIONS
from sereno_proto.v1.link_pb2 import Down, Hello, Up

BY_NAME_ONLY = True
EVERY = 100

Figure = dict[str, Any]


def run(arguments: list[str]) -> Iterator[Figure]:
    """One figure a hundred connections, and the last two hundred's growth a connection."""
    parser = argparse.ArgumentParser(prog="tests.bench agent_reconnect")
    parser.add_argument("--connections", type=int, default=600)
    count = parser.parse_args(arguments).connections
    with tempfile.TemporaryDirectory() as folder:
        private = asyncio.run(_measure(Path(folder), count))
    for number, kilobytes in enumerate(private):
        yield {"bench": "agent_reconnect", "figure": f"private_kb_after_{number * EVERY}", "value": kilobytes}
    tail = (private[-1] - private[-3]) / (2 * EVERY)
    yield {"bench": "agent_reconnect", "figure": "kb_a_connection_at_the_end", "value": round(tail, 3)}


async def _measure(folder: Path, count: int) -> list[int]:
    folders, made = joined_folders(folder / "state")
    async with serving(LinkServer(), made) as port:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.agent_reconnect", str(folders.state), str(port), str(count)),
            stdout=asyncio.subprocess.PIPE,
            env=agent_core.installed(folder / "compiled"),
        )
        output, _ = await child.communicate()
    return [int(line) for line in output.split()]


async def _connect_again(folders: Folders, port: int, count: int) -> None:
    import grpc
    from grpc import aio

    for number in range(count + 1):
        if number % EVERY == 0:
            sys.stdout.write(f"{process_cost.memory(os.getpid()).private}\n")
        credentials = grpc.ssl_channel_credentials(
            folders.ca_pem.read_bytes(), folders.client_key.read_bytes(), folders.client_pem.read_bytes()
        )
        async with aio.secure_channel(f"127.0.0.1:{port}", credentials, options=_OPTIONS) as channel:
            connect: Any = channel.stream_stream(_METHOD, response_deserializer=Down.FromString)
            call = connect()
            await call.write(Up(epoch=b"e" * 16, hello=Hello(protocol_version=1)).SerializeToString())
            await call.read()
            call.cancel()


if __name__ == "__main__":
    asyncio.run(_connect_again(Folders(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])))
