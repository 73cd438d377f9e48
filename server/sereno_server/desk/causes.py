"""Likely causes: what changed on the device before it began, ranked, on the ticket."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.desk.facts import AlertFact, Facts
from sereno_server.desk.timeline import tell
from sereno_server.prediction.read_changes import Changed, changes_of
from sereno_server.prediction.read_onset import onset_of
from sereno_server.prediction.rollouts import Alike, Trouble
from sereno_server.runs.parts import Parts
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import anomalies, causes, forecasts

CAUSES_MAX = 10
ALERT_SLACK_S = 300.0  # an alert opens so long after what it is about began, about


class Ranked(Protocol):
    """One change as a cause. why: one sentence."""

    @property
    def change_id(self) -> str: ...

    @property
    def weight(self) -> float: ...

    @property
    def why(self) -> str: ...


Rank = Callable[[datetime, Sequence[Changed], datetime, str, float | None], Sequence[Ranked]]


async def rank_causes(app: Parts, facts: Facts, rank: Rank) -> None:
    """Writes the ticket's ranked causes anew, and tells the first of them once. May be done again at any time."""
    organisation_id, ticket_id = facts.organisation_id, facts.ticket_id
    async with app.store.transaction(Scope(organisation_id)) as tx:
        onset, slack_s = await _onset(tx, facts)
        alike = tuple(Alike(alert.kind, alert.resource, alert.object) for alert in _firing(facts))
        changed = await changes_of(tx, Trouble(organisation_id, facts.device_id, onset, facts.now, alike))
        ranked = list(rank(onset, changed, facts.now, _about(facts), slack_s))[:CAUSES_MAX]
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
    text = (
        f"Likely cause: {summaries[top.change_id]} ({top.why})" if top else "No cause found: nothing that changed fits"
    )
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


async def _onset(tx: AsyncConnection, facts: Facts) -> tuple[datetime, float | None]:
    """When it began and how uncertain that is in seconds: as the forecasts say, else when the first alert opened."""
    ids = [alert.forecast_id for alert in _firing(facts) if alert.forecast_id]
    began = func.coalesce(forecasts.c.onset_at, forecasts.c.made_at)
    query = select(began.label("began"), forecasts.c.series_id, forecasts.c.onset_at)
    query = query.where(forecasts.c.organisation_id == facts.organisation_id, forecasts.c.id.in_(ids)).order_by(began)
    first = (await tx.execute(query.limit(1))).first()
    if first is None:
        return await _sudden_onset(tx, facts), ALERT_SLACK_S
    if first.onset_at is None:
        return first.began, None
    known = (first.began.timestamp(), facts.now.timestamp())
    found = await onset_of(tx, facts.organisation_id, facts.device_id, first.series_id, *known)
    return datetime.fromtimestamp(found.at, UTC), found.slack_s


async def _sudden_onset(tx: AsyncConnection, facts: Facts) -> datetime:
    """When a trouble began that is no growth: with the first alert, or the departures that an anomaly was seen by."""
    opened = min((alert.opened_at for alert in _firing(facts)), default=facts.now)
    if not any(alert.kind == "anomaly" for alert in _firing(facts)):
        return opened
    query = select(func.min(anomalies.c.onset_at)).where(
        anomalies.c.organisation_id == facts.organisation_id,
        anomalies.c.device_id == facts.device_id,
        anomalies.c.state == "open",
    )
    began: datetime | None = await tx.scalar(query)
    return min(opened, began or opened)


def _firing(facts: Facts) -> list[AlertFact]:
    return [alert for alert in facts.alerts if alert.state == "firing"]


def _about(facts: Facts) -> str:
    """What the trouble is called, for comparison with what changed."""
    return " ".join(f"{alert.kind} {alert.resource} {alert.object}" for alert in _firing(facts))
