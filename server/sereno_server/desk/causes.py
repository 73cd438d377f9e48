"""Likely causes: what changed on the device before it began, ranked, on the ticket."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.desk.facts import Facts
from sereno_server.desk.timeline import tell
from sereno_server.runs.parts import Parts
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import causes, changes, forecasts

LOOK_BACK = timedelta(days=7)
CHANGES_MAX = 500
CAUSES_MAX = 10


@dataclass(frozen=True)
class Changed:
    """A change on the device, as the ranking sees it."""

    id: str
    kind: str
    object: str
    name: str
    summary: str
    at: datetime


class Ranked(Protocol):
    """One change as a cause. why: one sentence."""

    @property
    def change_id(self) -> str: ...

    @property
    def weight(self) -> float: ...

    @property
    def why(self) -> str: ...


Rank = Callable[[datetime, Sequence[Changed], datetime], Sequence[Ranked]]


async def rank_causes(app: Parts, facts: Facts, rank: Rank) -> None:
    """Writes the ticket's ranked causes anew, and tells the first of them once. May be done again at any time."""
    organisation_id, ticket_id = facts.organisation_id, facts.ticket_id
    async with app.store.transaction(Scope(organisation_id)) as tx:
        onset = await _onset(tx, facts)
        changed = await _changes(tx, facts, onset)
        ranked = list(rank(onset, changed, facts.now))[:CAUSES_MAX]
        rows: list[dict[str, Any]] = [
            {
                "organisation_id": organisation_id,
                "ticket_id": ticket_id,
                "change_id": cause.change_id,
                "rank": number,
                "weight": cause.weight,
                "why": cause.why,
            }
            for number, cause in enumerate(ranked, 1)
        ]
        await tx.execute(
            delete(causes).where(causes.c.organisation_id == organisation_id, causes.c.ticket_id == ticket_id)
        )
        if rows:
            await tx.execute(insert(causes), rows)
        summaries = {change.id: change.summary for change in changed}
        await _tell(tx, facts, ranked, summaries)
        await emit(tx, Event("ticket", organisation_id, ticket_id, facts.device_id))


async def _tell(tx: AsyncConnection, facts: Facts, ranked: Sequence[Ranked], summaries: dict[str, str]) -> None:
    """One line for the first look, and another only when a better cause turned up since."""
    mark = facts.mark("causes")
    top = ranked[0] if ranked else None
    if top is None and mark in facts.marks:
        return
    text = f"Likely cause: {summaries[top.change_id]} ({top.why})" if top else "Nothing changed before it began"
    once = facts.mark(f"cause:{top.change_id}") if top else mark
    await tell(
        tx,
        facts.organisation_id,
        facts.ticket_id,
        at=facts.now,
        kind="change",
        text=text,
        detail={"mark": mark, "change": top.change_id if top else ""},
        once=once,
    )


async def _onset(tx: AsyncConnection, facts: Facts) -> datetime:
    """When it began: as the forecasts say, else when the first alert of this round opened."""
    ids = [alert.forecast_id for alert in facts.alerts if alert.forecast_id and alert.state == "firing"]
    began = await tx.scalar(
        select(func.min(func.coalesce(forecasts.c.onset_at, forecasts.c.made_at))).where(
            forecasts.c.organisation_id == facts.organisation_id, forecasts.c.id.in_(ids)
        )
    )
    opened = [alert.opened_at for alert in facts.alerts if alert.state == "firing"]
    return began or min(opened, default=facts.now)


async def _changes(tx: AsyncConnection, facts: Facts, onset: datetime) -> list[Changed]:
    found = await tx.execute(
        select(*(changes.c[name] for name in Changed.__dataclass_fields__))
        .where(
            changes.c.organisation_id == facts.organisation_id,
            changes.c.device_id == facts.device_id,
            changes.c.at >= onset - LOOK_BACK,
            changes.c.at <= facts.now + timedelta(minutes=1),
        )
        .order_by(changes.c.at.desc())
        .limit(CHANGES_MAX)
    )
    return [Changed(**row) for row in found.mappings()]
