"""Expiry: a plan that nobody carried out in time ends by itself."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.runs import rows
from sereno_server.store.tables import runs


async def expire(tx: AsyncConnection, organisation_id: str, now: datetime) -> int:
    """Ends every planned run whose plan has expired, and tells how many.

    One that the device had taken just before is put right by its run events: what the device did is what counts.
    """
    due = await tx.execute(
        select(runs.c.id).where(
            runs.c.organisation_id == organisation_id, runs.c.state == "planned", runs.c.expires_at <= now
        )
    )
    ended = 0
    for row in due.all():
        run = await rows.read(tx, organisation_id, row.id, lock=True)
        signed = {person for person, _, _ in await rows.given(tx, run)}
        what = f"signed by {', '.join(sorted(signed))}, not carried out in time" if signed else "nobody signed in time"
        values: dict[str, Any] = {"code": "E_PLAN_EXPIRED", "what": what, "finished_at": now}
        if await rows.move(tx, run, "expired", from_states=["planned"], actor="server", **values):
            ended += 1
            text = f"The plan for {run.playbook} expired: {what}"
            await rows.tell_ticket(tx, run, at=now, kind="run", text=text, actor="server", code="E_PLAN_EXPIRED")
    return ended
