"""Ends of the work on a ticket: resolved because the condition is gone, or handed to a person because it is not."""

from typing import Any

from sqlalchemy import select

from sereno_server.desk import tickets
from sereno_server.desk.decide import GiveUp, Resolve
from sereno_server.desk.facts import Facts
from sereno_server.desk.timeline import tell
from sereno_server.runs import rows
from sereno_server.runs.parts import Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import alerts
from sereno_server.store.tables import runs as run_table
from sereno_server.store.tables import tickets as ticket_table


async def resolve(app: Parts, facts: Facts, step: Resolve) -> None:
    """Resolves the ticket, unless something fires again or runs by now; what still waited for people is superseded."""
    organisation_id, ticket_id = facts.organisation_id, facts.ticket_id
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await tickets.lock(tx, organisation_id)
        firing = select(alerts.c.id).where(
            alerts.c.organisation_id == organisation_id, alerts.c.ticket_id == ticket_id, alerts.c.state == "firing"
        )
        is_open = select(ticket_table.c.id).where(
            ticket_table.c.organisation_id == organisation_id,
            ticket_table.c.id == ticket_id,
            ticket_table.c.state == "open",
        )
        if await tx.scalar(firing.limit(1)) is not None or await tx.scalar(is_open) is None:
            return
        live = await tx.execute(
            select(run_table.c.id).where(
                run_table.c.organisation_id == organisation_id,
                run_table.c.ticket_id == ticket_id,
                run_table.c.state.in_(sorted(rows.LIVE)),
            )
        )
        for row in live.all():
            run = await rows.read(tx, organisation_id, row.id, lock=True)
            if run.state == "executing":
                return
            values: dict[str, Any] = {"finished_at": facts.now, "what": "the condition went away"}
            await rows.move(tx, run, "superseded", from_states=["planning", "planned"], actor="server", **values)
        await tickets.resolve(tx, organisation_id, ticket_id, facts.now, step.resolution)


async def give_up(app: Parts, facts: Facts, step: GiveUp) -> None:
    """Says that the fix did not show, once; the ticket stays open for a person."""
    mark = facts.mark(f"unverified:{step.run_id}")
    async with app.store.transaction(Scope(facts.organisation_id)) as tx:
        await tell(
            tx,
            facts.organisation_id,
            facts.ticket_id,
            at=facts.now,
            kind="message",
            text="The run succeeded, but the condition is still there. A person should look.",
            detail={"mark": mark, "run": step.run_id},
            once=mark,
        )
