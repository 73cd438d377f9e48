"""Watches the triggers of standing grants, and asks the executor for a run when one holds. It judges nothing.

Everything it reads was written by the executor, which verifies the grant and evaluates the trigger again; here they are
looked at once a minute, each in a worker without privilege. Without grants it costs a look into a folder.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sereno_diagnostics.compare import holds
from sereno_proto.errors import SerenoError
from sereno_proto.limits import GRANT_PAUSE_S_MIN
from sereno_proto.v1.link_pb2 import StandingGrant
from sereno_proto.v1.runs_pb2 import CheckResult, Command, Reply, TryGrant

LOOK_S: Final = float(GRANT_PAUSE_S_MIN)
OWN: Final = "own_"  # how the ids of commands begin that the core itself gives; their replies stay here

RunCheck = Callable[[str, Mapping[str, str]], Awaitable[CheckResult]]
Send = Callable[[Command], Awaitable[None]]


@dataclass(frozen=True)
class Standing:
    """A standing grant as the core sees it."""

    id: str
    triggers: tuple[dict[str, Any], ...]
    not_before_ms: int
    expires_ms: int
    uses_left: int
    pause_s: int
    used_ms: int  # the last use; 0 = never

    def ready(self, now_ms: int) -> bool:
        """Whether it might be used now, if its trigger holds."""
        rested = not self.used_ms or now_ms >= self.used_ms + self.pause_s * 1000
        return rested and self.uses_left > 0 and self.not_before_ms <= now_ms < self.expires_ms


def read(folder: Path) -> list[Standing]:
    """The standing grants that are held and not revoked; damaged files are passed over, the executor reports them."""
    try:
        paths = sorted(folder.glob("grt_*.json"))
    except OSError:
        return []
    return [grant for grant in map(_read, paths) if grant is not None]


def reported(grants: list[Standing]) -> list[StandingGrant]:
    """What a status says of them."""
    return [
        StandingGrant(id=grant.id, uses_left=grant.uses_left, last_used_ms=grant.used_ms, expires_ms=grant.expires_ms)
        for grant in grants
    ]


class Watch:
    """Looks at the triggers, one after the other, and lets a refused grant rest for its own pause."""

    def __init__(self, folder: Path, run_check: RunCheck, send: Send, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._run_check = run_check
        self._send = send
        self._now_ms = now_ms
        self._rests_until_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Looks once a minute until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """One look at every grant."""
        for grant in read(self._folder):
            now_ms = self._now_ms()
            if grant.ready(now_ms) and now_ms >= self._rests_until_ms.get(grant.id, 0) and await self._holds(grant):
                self._rests_until_ms[grant.id] = now_ms + grant.pause_s * 1000
                await self._send(Command(id=OWN + grant.id, try_grant=TryGrant(grant_id=grant.id)))

    async def _holds(self, grant: Standing) -> bool:
        for trigger in grant.triggers:
            try:
                result = await self._run_check(trigger["check"], trigger["parameters"])
                figures = (trigger["figure"], trigger["comparison"], float(trigger["value"]))
                if not holds(list(result.findings), *figures):
                    return False
            except (SerenoError, KeyError, TypeError, ValueError):
                return False  # what cannot be measured does not hold
        return True


def own_refusal(reply: Reply) -> str | None:
    """What the executor refused of the core's own command; '' when it accepted; None when it is the server's reply."""
    if not reply.command_id.startswith(OWN):
        return None
    return f"{reply.refusal.code} {reply.refusal.what}" if reply.HasField("refusal") else ""


def _read(path: Path) -> Standing | None:
    try:
        record = json.loads(path.read_bytes())
        if record["kind"] != "standing-grant" or record["revoked"]:
            return None
        return Standing(
            id=path.stem,
            triggers=tuple(record["triggers"]),
            not_before_ms=int(record["not_before_ms"]),
            expires_ms=int(record["expires_ms"]),
            uses_left=max(0, int(record["uses"]) - len(record["used_ms"])),
            pause_s=int(record["pause_s"]),
            used_ms=max(map(int, record["used_ms"]), default=0),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
