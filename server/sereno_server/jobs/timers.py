"""What happens at regular times: the list to add a line to. Each works in a transaction that only the leader ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.rollouts import schedule
from sereno_server.store.partitions import keep

_TIDY = (
    "DELETE FROM credentials WHERE expires_at < now() - interval '1 day'",
    "DELETE FROM idempotency WHERE created_at < now() - interval '1 day'",
    "DELETE FROM join_codes WHERE expires_at < now() - interval '30 days'",
    "DELETE FROM jobs WHERE state = 'done' AND run_at < now() - interval '7 days'",
    "DELETE FROM degradation_days WHERE day < now() - interval '400 days'",
    "DELETE FROM organisation_days WHERE day < now() - interval '1200 days'",
    "DELETE FROM certificates WHERE not_after < now() - interval '90 days'",
)


@dataclass(frozen=True)
class Timer:
    """Something to do every so many seconds."""

    name: str
    every_s: float
    work: Callable[[AsyncConnection], Awaitable[None]]


async def tidy(tx: AsyncConnection) -> None:
    """Removes what has expired long ago."""
    for statement in _TIDY:
        await tx.execute(text(statement))


TIMERS: tuple[Timer, ...] = (
    Timer("tidy", 3600.0, tidy),
    Timer("partitions", 3600.0, keep),
    Timer("schedules", 20.0, schedule.tick),
)
