"""A child process with its pipes on the event loop, which may outlive this process.

asyncio's own subprocess kills its child when the loop ends; the executor must be able to finish a run alone.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Sequence
from typing import Final

CHUNK: Final = 1 << 16


class ChildPipes:
    """Writes to the child's standard input, reads its standard output."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, argv: Sequence[str]) -> "ChildPipes":
        """Starts it in a session of its own, so that it is not killed with this process's group. Raises OSError."""
        process = subprocess.Popen(  # noqa: ASYNC220, starting is quick and must not be half done
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.streams.FlowControlMixin(loop), process.stdin
        )
        return cls(process, reader, asyncio.StreamWriter(transport, protocol, None, loop))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def writable(self) -> bool:
        """Whether its standard input is open, as far as this side knows."""
        return not self._writer.is_closing()

    async def write(self, content: bytes) -> None:
        """Raises OSError when the child has closed its end."""
        if not self.writable:
            raise BrokenPipeError("its standard input is closed")
        self._writer.write(content)
        await self._writer.drain()

    async def read(self) -> bytes:
        """What came, or nothing when the child closed its output."""
        return await self._reader.read(CHUNK)

    def close(self) -> None:
        """Closes its standard input, which asks it to end when it has nothing to do."""
        self._writer.close()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Its exit code. A thread waits; the loop goes on."""
        return await asyncio.to_thread(self._process.wait)

    def leave(self) -> None:
        """Closes its standard input and lets it go on alone."""
        self.close()
        # Nobody waits for it here any more: whatever adopts orphans does.
        self._process.returncode = self._process.poll() or 0
