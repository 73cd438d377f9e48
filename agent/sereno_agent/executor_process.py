"""The executor as a child of the core: started when a command needs it, let go when nothing is left to do.

The core hands documents over and passes replies and run events on; it judges neither. A run event is answered with
events_kept only when it is safe in the spool.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from sereno_agent.delimited import Decoder, encode
from sereno_agent.folders import Folders
from sereno_proto.errors import SerenoError
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import (
    RUN_STATE_FAILED,
    RUN_STATE_REFUSED,
    RUN_STATE_SUCCEEDED,
    Command,
    EventsKept,
    Refusal,
    Reply,
    RunEvent,
)

IDLE_S: Final = 30.0  # with nothing to answer for so long, its standard input is closed and it ends
_CHUNK: Final = 1 << 16

_ENDED: Final = frozenset({RUN_STATE_SUCCEEDED, RUN_STATE_FAILED, RUN_STATE_REFUSED})

Keep = Callable[[RunEvent], Awaitable[bool]]


class ExecutorProcess:
    """At most one executor at a time."""

    def __init__(
        self,
        folders: Folders,
        post: Callable[[Up], None],
        keep: Keep,
        *,
        argv: tuple[str, ...] = (sys.executable, "-P", "-m", "sereno_agent.executor"),
        idle_s: float = IDLE_S,
    ) -> None:
        self._folders = folders
        self._post = post
        self._keep = keep
        self._argv = argv
        self._idle_s = idle_s
        self._process: asyncio.subprocess.Process | None = None
        self._owner: asyncio.Task[None] | None = None
        self._waiting: set[str] = set()  # ids of commands without a reply
        self._under_way: set[str] = set()  # plans whose run has not ended
        self._touched = asyncio.Event()

    async def send(self, command: Command) -> None:
        """Hands a command over; starts the executor when there is none. Its reply is posted when it comes."""
        self._waiting.add(command.id)
        self._touched.set()
        try:
            process = await self._running()
            assert process.stdin
            process.stdin.write(encode(command))
            await process.stdin.drain()
        except OSError as error:
            self._waiting.discard(command.id)
            self._refuse(command.id, f"the executor cannot be reached: {error}")

    async def deliver_journals(self) -> None:
        """Starts the executor when runs of an earlier process have events that were not delivered."""
        try:
            left = any(path.suffix == ".journal" for path in self._folders.runs.iterdir())
        except OSError:
            left = False
        if left:
            await self._running()

    async def close(self) -> None:
        """Closes its standard input. The executor finishes what runs, alone if need be."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._owner is not None:
            self._owner.cancel()
            await asyncio.gather(self._owner, return_exceptions=True)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin
            if not self._process.stdin.is_closing():
                return self._process
            # It was told to end; the next one may only start when it has, for there is one plan store.
            await self._process.wait()
        if self._owner is not None:
            await asyncio.gather(self._owner, return_exceptions=True)
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            *("--state", str(self._folders.state)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # it finishes a run when the core is killed with its group
        )
        self._owner = asyncio.create_task(self._attend(self._process))
        return self._process

    async def _attend(self, process: asyncio.subprocess.Process) -> None:
        idle = asyncio.create_task(self._close_when_idle(process))
        decoder = Decoder()
        assert process.stdout
        try:
            while chunk := await process.stdout.read(_CHUNK):
                for up in decoder.feed(chunk, Up.FromString):
                    await self._take(process, up)
        except SerenoError:
            process.kill()  # it no longer speaks the protocol
        finally:
            idle.cancel()
        returncode = await process.wait()
        for command_id in list(self._waiting):
            self._refuse(command_id, f"the executor ended with {returncode} before it answered")
        self._waiting.clear()
        self._under_way.clear()

    async def _take(self, process: asyncio.subprocess.Process, up: Up) -> None:
        self._touched.set()
        body = up.WhichOneof("body")
        if body == "reply":
            self._waiting.discard(up.reply.command_id)
            self._post(up)
        elif body == "run_event":
            await self._take_event(process, up.run_event)

    async def _take_event(self, process: asyncio.subprocess.Process, event: RunEvent) -> None:
        if event.state in _ENDED:
            self._under_way.discard(event.plan_id)
        else:
            self._under_way.add(event.plan_id)
        if await self._keep(event):
            kept = Command(id="kept", events_kept=EventsKept(plan_id=event.plan_id, index=event.index))
            assert process.stdin
            if not process.stdin.is_closing():
                process.stdin.write(encode(kept))

    async def _close_when_idle(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        while not process.stdin.is_closing():
            self._touched.clear()
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._touched.wait()
            except TimeoutError:
                if not self._waiting and not self._under_way:
                    process.stdin.close()

    def _refuse(self, command_id: str, what: str) -> None:
        refusal = Refusal(code="E_WORKER_FAILED", what=what, remedy="see the device's log")
        self._post(Up(reply=Reply(command_id=command_id, refusal=refusal)))
