"""Jobs as rows: any node takes the next one that is due; a node that dies gives it back by dying."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.audit.ledger import plain
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import jobs

ATTEMPTS_MAX = 5
RETRY_S = 30.0  # doubled after each attempt
ERROR_CHARS_MAX = 1000


@dataclass(frozen=True)
class Job:
    """One row that is being worked on. attempts: how often it failed before."""

    id: str
    organisation_id: str
    kind: str
    payload: dict[str, Any]
    attempts: int


Handler = Callable[[AsyncConnection, Job], Awaitable[None]]

_TAKE = text("""
    SELECT id, organisation_id, kind, payload, attempts FROM jobs
    WHERE state = 'waiting' AND run_at <= :now AND kind = ANY(cast(:kinds AS text[]))
    ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_DONE = text("UPDATE jobs SET state = 'done', error = NULL WHERE organisation_id = :organisation AND id = :id")
_FAILED = text("""
    UPDATE jobs SET attempts = :attempts, state = :state, error = :error, run_at = :run_at
    WHERE organisation_id = :organisation AND id = :id
""")


async def enqueue(
    tx: AsyncConnection, organisation_id: str, kind: str, payload: Mapping[str, object], run_at: datetime
) -> str:
    """Adds a job that becomes due at run_at, if the transaction commits; gives its id."""
    job_id = new_id("job")
    row = {"organisation_id": organisation_id, "id": job_id, "kind": kind, "payload": plain(payload)}
    await tx.execute(insert(jobs).values(**row, run_at=run_at, state="waiting"))
    return job_id


async def work_one(store: Store, handlers: Mapping[str, Handler], now: datetime) -> bool:
    """Takes one due job and does it; gives False when there was none.

    The handler works in the transaction that marks the job done: what it writes is there exactly once, however often a
    node dies. One that raises leaves nothing, and is tried again later, ATTEMPTS_MAX times in all.
    """
    async with store.transaction(Scope.system()) as tx:
        row = (await tx.execute(_TAKE, {"now": now, "kinds": list(handlers)})).first()
        if row is None:
            return False
        job = Job(row.id, row.organisation_id, row.kind, row.payload, row.attempts)
        of = {"organisation": job.organisation_id, "id": job.id}
        try:
            async with tx.begin_nested():
                await handlers[job.kind](tx, job)
        except Exception as error:  # noqa: BLE001 (whatever it is, the row says so)
            attempts = job.attempts + 1
            outcome = {
                "attempts": attempts,
                "state": "failed" if attempts >= ATTEMPTS_MAX else "waiting",
                "error": f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX].replace("\0", ""),
                "run_at": now + timedelta(seconds=RETRY_S * 2**job.attempts),
            }
            await tx.execute(_FAILED, of | outcome)
        else:
            await tx.execute(_DONE, of)
    return True
