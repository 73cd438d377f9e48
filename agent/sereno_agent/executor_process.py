"""The executor as the core sees it: reached when a command needs it, let go when nothing is left to do.

It is a child process where core and executor are one user, and behind a socket where they are two (see folders.py).

The core hands documents over and passes replies and run events on; it judges neither. A run event is answered with
events_kept only when it is safe in the spool.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from google.protobuf.message import DecodeError

from sereno_agent.child_pipes import ChildPipes
from sereno_agent.delimited import Decoder, encode
from sereno_agent.folders import Folders
from sereno_agent.socket_pipes import SocketPipes
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
        self._child: ChildPipes | SocketPipes | None = None
        self._owner: asyncio.Task[None] | None = None
        self._waiting: set[str] = set()  # ids of commands without a reply
        self._under_way: set[str] = set()  # plans whose run has not ended
        self._touched = asyncio.Event()
        self._starting = asyncio.Lock()

    async def send(self, command: Command) -> None:
        """Hands a command over; starts the executor when there is none. Its reply is posted when it comes."""
        self._waiting.add(command.id)
        self._touched.set()
        try:
            child = await self._running()
            await child.write(encode(command))
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
            with contextlib.suppress(OSError):  # it cannot be reached now; the next command tries again, and says so
                await self._running()

    async def close(self) -> None:
        """Lets it go: it ends when nothing runs, and finishes alone what does."""
        if self._owner is not None:
            self._owner.cancel()
            await asyncio.gather(self._owner, return_exceptions=True)
        if self._child is not None:
            self._child.leave()

    async def wait(self) -> int:
        """Waits until the present executor has ended; gives its exit code."""
        assert self._child is not None
        return await self._child.wait()

    async def _start(self) -> ChildPipes | SocketPipes:
        if self._folders.split:
            return await SocketPipes.connect(self._folders)
        return await ChildPipes.start((*self._argv, "--state", str(self._folders.state)))

    async def _running(self) -> ChildPipes | SocketPipes:
        async with self._starting:
            if self._child is not None:
                if self._child.writable:
                    return self._child
                # It was told to end; the next one starts when it has, for there is one plan store.
                await asyncio.gather(*filter(None, (self._owner,)), return_exceptions=True)
            self._child = await self._start()
            self._owner = asyncio.create_task(self._attend(self._child))
            return self._child

    async def _attend(self, child: ChildPipes | SocketPipes) -> None:
        idle = asyncio.create_task(self._close_when_idle(child))
        decoder = Decoder()
        try:
            while chunk := await child.read():
                for up in decoder.feed(chunk, Up.FromString):
                    await self._take(child, up)
        except (SerenoError, DecodeError):
            child.kill()  # it no longer speaks the protocol
        finally:
            idle.cancel()
        child.close()
        returncode = await child.wait()
        for command_id in list(self._waiting):
            self._refuse(command_id, f"the executor ended with {returncode} before it answered")
        self._waiting.clear()
        self._under_way.clear()

    async def _take(self, child: ChildPipes | SocketPipes, up: Up) -> None:
        self._touched.set()
        body = up.WhichOneof("body")
        if body == "reply":
            self._waiting.discard(up.reply.command_id)
            self._post(up)
        elif body == "run_event":
            await self._take_event(child, up.run_event)

    async def _take_event(self, child: ChildPipes | SocketPipes, event: RunEvent) -> None:
        if event.state in _ENDED:
            self._under_way.discard(event.plan_id)
        else:
            self._under_way.add(event.plan_id)
        if await self._keep(event):
            kept = Command(id="kept", events_kept=EventsKept(plan_id=event.plan_id, index=event.index))
            with contextlib.suppress(OSError):  # unanswered, it is sent again by the next executor
                await child.write(encode(kept))

    async def _close_when_idle(self, child: ChildPipes | SocketPipes) -> None:
        while child.writable:
            self._touched.clear()
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._touched.wait()
            except TimeoutError:
                if not self._waiting and not self._under_way:
                    child.close()

    def _refuse(self, command_id: str, what: str) -> None:
        refusal = Refusal(code="E_WORKER_FAILED", what=what, remedy="see the device's log")
        self._post(Up(reply=Reply(command_id=command_id, refusal=refusal)))
