"""Muting: a predictor that is wrong too often on one thing of one device stops alerting there, and says so.

Its forecasts go on in silence and are scored, so that one sees whether the mute is right. A person can end it; then
only what comes after counts.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.audit.ledger import record as write_ledger
from sereno_server.prediction.lifecycle import Forecast
from sereno_server.prediction.rows import PREDICTOR
from sereno_server.prediction.scoreboard import record
from sereno_server.store.tables import alerts, forecasts, mutes, ratings

LAST: int = 20  # so many outcomes are looked at: what was wrong long ago is forgiven


async def mute_the_wrong(tx: AsyncConnection, scored: Sequence[Forecast], now: datetime) -> None:
    """Mutes what these just scored forecasts made wrong too often. A mute that is in force stays as it is."""
    for forecast in scored:
        outcomes = await _outcomes(tx, forecast)
        score = record(outcomes)
        if not score.muted:
            continue
        why = f"{score.miss} of {score.hit + score.miss} did not come true"
        key = forecast.key
        values = {
            "organisation_id": key.organisation_id,
            "id": new_id("mut"),
            "device_id": key.device_id,
            "predictor": PREDICTOR,
            "resource": forecast.resource,
            "object": forecast.object,
            "why": why,
            "since": now,
        }
        made = await tx.execute(insert(mutes).values(values).on_conflict_do_nothing().returning(mutes.c.id))
        mute_id = made.scalar()
        if mute_id is not None:
            said = {name: values[name] for name in ("device_id", "predictor", "resource", "object", "why")}
            await write_ledger(tx, key.organisation_id, "server", "predictor.mute", mute_id, said)


async def _outcomes(tx: AsyncConnection, forecast: Forecast) -> list[str]:
    """The last outcomes of the same thing since a person last ended its mute; what people said of a ticket counts."""
    ended = await tx.scalar(select(func.max(mutes.c.ended_at)).where(_same(mutes, forecast)))
    verdict = (
        select(func.bool_and(ratings.c.useful))
        .join(
            alerts,
            and_(alerts.c.organisation_id == ratings.c.organisation_id, alerts.c.ticket_id == ratings.c.ticket_id),
        )
        .where(alerts.c.organisation_id == forecasts.c.organisation_id, alerts.c.forecast_id == forecasts.c.id)
        .scalar_subquery()
    )
    query = (
        select(forecasts.c.outcome, verdict.label("useful"))
        .where(_same(forecasts, forecast), forecasts.c.outcome.is_not(None))
        .order_by(forecasts.c.outcome_at.desc())
        .limit(LAST)
    )
    if ended is not None:
        query = query.where(forecasts.c.outcome_at > ended)
    return [judged(row.outcome, row.useful) for row in await tx.execute(query)]


def muted_here(table: Table) -> ColumnElement[bool]:
    """Whether a row of forecasts is of a predictor that is muted on that thing of that device."""
    same = [
        mutes.c[name] == table.c[name] for name in ("organisation_id", "device_id", "predictor", "resource", "object")
    ]
    return exists().where(*same, mutes.c.ended_at.is_(None))


def judged(outcome: str, useful: bool | None) -> str:  # noqa: FBT001 (three answers: yes, no, nobody said)
    """The outcome with a person's word: not useful is a miss, also when it came true; useful mends a miss only."""
    if useful is False:
        return "miss"
    return "withdrawn" if useful and outcome == "miss" else outcome


def _same(table: Table, forecast: Forecast) -> ColumnElement[bool]:
    return and_(
        table.c.organisation_id == forecast.key.organisation_id,
        table.c.device_id == forecast.key.device_id,
        table.c.predictor == PREDICTOR,
        table.c.resource == forecast.resource,
        table.c.object == forecast.object,
    )
