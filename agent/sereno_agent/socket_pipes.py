"""The executor at its socket, when core and executor are installed as two users; looks like a child's pipes.

Each connection is an executor of its own, started by whoever holds the socket (systemd: Accept=yes), and ended like
the child process: when this side has closed its direction and no run goes on.
"""

import asyncio
import socket
from typing import Final

from sereno_agent.folders import Folders
from sereno_agent.peer import require_peer
from sereno_proto.errors import Refused

_CHUNK: Final = 1 << 16


class SocketPipes:
    """Writes to the executor, reads from it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closed = False
        self._ended = asyncio.Event()

    @classmethod
    async def connect(cls, folders: Folders) -> "SocketPipes":
        """Connects. Raises OSError when nobody listens, or when it is neither root nor the executor's user."""
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            own.setblocking(False)
            await asyncio.get_running_loop().sock_connect(own, str(folders.executor_socket))
            require_peer(own, {0, folders.runs.stat().st_uid})
            return cls(*await asyncio.open_unix_connection(sock=own))
        except Refused as refused:
            own.close()
            raise PermissionError(refused.what) from refused
        except BaseException:
            own.close()
            raise

    @property
    def writable(self) -> bool:
        """Whether this side's direction is open."""
        return not self._closed and not self._writer.is_closing()

    async def write(self, content: bytes) -> None:
        """Raises OSError when the other end is gone."""
        if not self.writable:
            raise BrokenPipeError("the connection is closed")
        self._writer.write(content)
        await self._writer.drain()

    async def read(self) -> bytes:
        """What came, or nothing when the executor has ended."""
        try:
            chunk = await self._reader.read(_CHUNK)
        except ConnectionError:
            chunk = b""
        if not chunk:
            self._ended.set()
        return chunk

    def close(self) -> None:
        """Closes this direction, which asks it to end when it has nothing to do."""
        if self.writable:
            self._closed = True
            self._writer.write_eof()

    def kill(self) -> None:
        """Cuts the connection. The executor is not ours to kill; without a core it ends when no run goes on."""
        self._closed = True
        self._writer.transport.abort()

    async def wait(self) -> int:
        """Waits for its end; an exit code is not told over a socket."""
        await self._ended.wait()
        self._writer.close()
        return 0

    def leave(self) -> None:
        """Lets it go on alone."""
        self._closed = True
        self._writer.close()
