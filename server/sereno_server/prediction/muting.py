"""Muting: a predictor that is wrong too often on one thing of one device stops alerting there, and says so.

Its forecasts go on in silence and are scored, so that one sees whether the mute is right. A person can end it; then
only what comes after counts.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Label, Table, and_, exists, func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.audit.ledger import record as write_ledger
from sereno_server.prediction.lifecycle import Forecast
from sereno_server.prediction.rows import PREDICTOR
from sereno_server.prediction.scoreboard import record
from sereno_server.store.tables import alerts, anomalies, forecasts, mutes, ratings

ANOMALY: Final = "anomaly"
WHOLE_DEVICE: Final = "device"  # the resource of an anomaly
LAST: Final = 20  # so many outcomes are looked at: what was wrong long ago is forgiven


@dataclass(frozen=True)
class Subject:
    """What a predictor speaks of: one thing of one device."""

    organisation_id: str
    device_id: str
    predictor: str
    resource: str
    object: str

    @classmethod
    def of_forecast(cls, forecast: Forecast) -> Self:
        """What this forecast is about."""
        return cls(forecast.key.organisation_id, forecast.key.device_id, PREDICTOR, forecast.resource, forecast.object)

    @classmethod
    def of_anomaly(cls, organisation_id: str, device_id: str) -> Self:
        """An anomaly is about the device as a whole."""
        return cls(organisation_id, device_id, ANOMALY, WHOLE_DEVICE, "")


async def mute_the_wrong(tx: AsyncConnection, scored: Iterable[Subject], now: datetime) -> None:
    """Mutes those of which was just scored what made them wrong too often. A mute in force stays as it is."""
    for subject in scored:
        score = record(await _outcomes(tx, subject))
        if not score.muted:
            continue
        why = f"{score.miss} of {score.hit + score.miss} did not come true"
        values = {**asdict(subject), "id": new_id("mut"), "why": why, "since": now}
        made = await tx.execute(insert(mutes).values(values).on_conflict_do_nothing().returning(mutes.c.id))
        mute_id = made.scalar()
        if mute_id is not None:
            said = {name: values[name] for name in ("device_id", "predictor", "resource", "object", "why")}
            await write_ledger(tx, subject.organisation_id, "server", "predictor.mute", mute_id, said)


async def _outcomes(tx: AsyncConnection, subject: Subject) -> list[str]:
    """The last outcomes of the same thing since a person last ended its mute; what people said of a ticket counts."""
    ended = await tx.scalar(select(func.max(mutes.c.ended_at)).where(_same(mutes, subject)))
    table = anomalies if subject.predictor == ANOMALY else forecasts
    where = _same(forecasts, subject)
    if subject.predictor == ANOMALY:
        where = and_(anomalies.c.organisation_id == subject.organisation_id, anomalies.c.device_id == subject.device_id)
    query = (
        select(table.c.outcome, _verdict() if table is forecasts else null().label("useful"))
        .where(where, table.c.outcome.is_not(None))
        .order_by(table.c.outcome_at.desc())
        .limit(LAST)
    )
    if ended is not None:
        query = query.where(table.c.outcome_at > ended)
    return [judged(row.outcome, row.useful) for row in await tx.execute(query)]


def _verdict() -> Label[Any]:
    """What people said of the ticket of a forecast; null when nobody did, or there is none."""
    same_ticket = and_(alerts.c.organisation_id == ratings.c.organisation_id, alerts.c.ticket_id == ratings.c.ticket_id)
    return (
        select(func.bool_and(ratings.c.useful))
        .join(alerts, same_ticket)
        .where(alerts.c.organisation_id == forecasts.c.organisation_id, alerts.c.forecast_id == forecasts.c.id)
        .scalar_subquery()
        .label("useful")
    )


def muted_here(table: Table) -> ColumnElement[bool]:
    """Whether a row of forecasts is of a predictor that is muted on that thing of that device."""
    same = [
        mutes.c[name] == table.c[name] for name in ("organisation_id", "device_id", "predictor", "resource", "object")
    ]
    return exists().where(*same, mutes.c.ended_at.is_(None))


def anomaly_muted() -> ColumnElement[bool]:
    """Whether a row of anomalies is of a device whose anomalies are muted."""
    same = [mutes.c[name] == anomalies.c[name] for name in ("organisation_id", "device_id")]
    return exists().where(*same, mutes.c.predictor == ANOMALY, mutes.c.ended_at.is_(None))


def judged(outcome: str, useful: bool | None) -> str:  # noqa: FBT001 (three answers: yes, no, nobody said)
    """The outcome with a person's word: not useful is a miss, also when it came true; useful mends a miss only."""
    if useful is False:
        return "miss"
    return "withdrawn" if useful and outcome == "miss" else outcome


def _same(table: Table, subject: Subject) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in asdict(subject).items()))
