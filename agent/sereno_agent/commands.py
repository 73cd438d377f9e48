"""What the server may ask for, and where it goes: checks to a worker, everything else to the executor."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from sereno_agent.folders import Folders
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import CheckResult, Command, Refusal, Reply, RunCheck

COMMANDS_MAX: Final = 16  # at a time
_FOR_EXECUTOR: Final = frozenset(
    {
        *("make_plan", "execute_plan", "drop_plan", "cancel_run"),
        *("offer_roster", "offer_certificate", "offer_grant", "revoke_grant"),
    }
)

RunCheckInWorker = Callable[[str, Mapping[str, str]], Awaitable[CheckResult]]


class Executor(Protocol):
    """Where documents go."""

    async def send(self, command: Command) -> None:
        """Hands a command over; the reply is posted by it."""
        ...


class Commands:
    """Owns the tasks of commands under way."""

    def __init__(
        self, folders: Folders, executor: Executor, post: Callable[[Up], None], run_check: RunCheckInWorker
    ) -> None:
        self._folders = folders
        self._executor = executor
        self._post = post
        self._run_check = run_check
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, command: Command) -> None:
        """Begins a command; every command gets one reply."""
        if len(self._tasks) >= COMMANDS_MAX:
            self._refuse(command, Refused("E_OVERLOADED", f"{COMMANDS_MAX} commands are under way"))
            return
        task = asyncio.create_task(self._carry_out(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancels what is under way; workers end with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry_out(self, command: Command) -> None:
        body = command.WhichOneof("body")
        try:
            if body in _FOR_EXECUTOR:
                await self._executor.send(command)  # also in lockdown: it refuses, and writes that into the ledger
            elif body == "run_check":
                self._post(Up(reply=Reply(command_id=command.id, check_result=await self._check(command.run_check))))
            else:
                self._refuse(command, Refused("E_COMMAND_UNKNOWN"))
        except SerenoError as error:
            self._refuse(command, error)
        except Exception as error:  # noqa: BLE001, the server gets an answer whatever happens here
            self._refuse(command, SerenoError("E_INTERNAL", f"{type(error).__name__}: {error}"[:500]))

    async def _check(self, asked: RunCheck) -> CheckResult:
        if self._folders.lockdown.exists():
            raise Refused("E_LOCKDOWN")
        return await self._run_check(asked.check, dict(asked.parameters))

    def _refuse(self, command: Command, error: SerenoError) -> None:
        refusal = Refusal(code=error.code, what=error.what, remedy=error.remedy)
        self._post(Up(reply=Reply(command_id=command.id, refusal=refusal)))
