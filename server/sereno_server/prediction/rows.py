"""What the prediction process reads from the database and writes to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.lifecycle import Forecast, Runs
from sereno_server.prediction.resources import SERIES_NAMES
from sereno_server.prediction.scoreboard import Outcome
from sereno_server.prediction.watch import Key
from sereno_server.store.tables import alerts, devices, forecasts, runs, series

PREDICTOR = "exhaustion"
_FIXED = (
    "organisation_id",
    "id",
    "device_id",
    "series_id",
    "predictor",
    "made_at",
    "first_full_at",
    "first_confidence",
)


@dataclass(frozen=True)
class SeriesRow:
    """A series that is the use or the limit of something."""

    organisation_id: str
    device_id: str
    id: int
    name: str
    labels: Mapping[str, str]


async def load_series(tx: AsyncConnection, after_id: int) -> list[SeriesRow]:
    """The series of bounded resources that were made after this id."""
    query = select(series.c.organisation_id, series.c.device_id, series.c.id, series.c.name, series.c.labels)
    found = await tx.execute(query.where(series.c.name.in_(SERIES_NAMES), series.c.id > after_id))
    return [SeriesRow(**row) for row in found.mappings()]


async def load_seen(tx: AsyncConnection, since: datetime | None) -> list[tuple[str, str]]:
    """(organisation, device) of those heard of since then; all when None."""
    query = select(devices.c.organisation_id, devices.c.id).where(devices.c.revoked_at.is_(None))
    if since is not None:
        query = query.where(or_(devices.c.last_seen >= since, devices.c.connected_at.is_not(None)))
    return [(row.organisation_id, row.id) for row in await tx.execute(query)]


async def load_open(tx: AsyncConnection) -> list[Forecast]:
    """The forecasts that are open."""
    query = select(forecasts).where(forecasts.c.state == "open", forecasts.c.predictor == PREDICTOR)
    return [_forecast(dict(row)) for row in (await tx.execute(query)).mappings()]


async def load_prevented(tx: AsyncConnection, since: datetime) -> dict[Key, datetime]:
    """When a run last put an end to a series' growth."""
    at = func.max(forecasts.c.updated_at).label("at")
    query = (
        select(forecasts.c.organisation_id, forecasts.c.device_id, forecasts.c.series_id, at)
        .where(forecasts.c.outcome == "prevented", forecasts.c.state == "closed", forecasts.c.updated_at >= since)
        .group_by(forecasts.c.organisation_id, forecasts.c.device_id, forecasts.c.series_id)
    )
    return {Key(row.organisation_id, row.device_id, row.series_id): row.at for row in await tx.execute(query)}


async def load_runs(tx: AsyncConnection, forecast: Forecast) -> Runs:
    """Whether a run goes on at the device, and which one succeeded since the forecast was made.

    A run that belongs to another ticket does not count: it was for something else.
    """
    tickets = select(alerts.c.ticket_id).where(
        alerts.c.organisation_id == forecast.key.organisation_id, alerts.c.forecast_id == forecast.id
    )
    query = (
        select(runs.c.state, runs.c.playbook)
        .where(
            runs.c.organisation_id == forecast.key.organisation_id,
            runs.c.device_id == forecast.key.device_id,
            or_(runs.c.ticket_id.is_(None), runs.c.ticket_id.in_(tickets)),
            or_(runs.c.state == "executing", and_(runs.c.state == "succeeded", runs.c.finished_at >= forecast.made_at)),
        )
        .order_by(runs.c.finished_at.desc().nulls_first())
    )
    found = (await tx.execute(query)).all()
    done = [row.playbook for row in found if row.state == "succeeded"]
    return Runs(any(row.state == "executing" for row in found), done[0] if done else None)


async def save(tx: AsyncConnection, written: Sequence[Forecast]) -> None:
    """Inserts or updates these forecasts. What was said first stays as it was."""
    if not written:
        return
    statement = insert(forecasts).values([_columns(forecast) for forecast in written])
    kept = {column.name: column for column in statement.excluded if column.name not in _FIXED}
    await tx.execute(
        statement.on_conflict_do_update(index_elements=[forecasts.c.organisation_id, forecasts.c.id], set_=kept)
    )


def _columns(forecast: Forecast) -> dict[str, Any]:
    names = [
        *("id", "resource", "object", "state", "made_at", "updated_at", "full_at", "full_at_low", "full_at_high"),
        *("first_full_at", "onset_at", "confidence", "value", "capacity", "growth_per_s", "path"),
    ]
    outcome = forecast.outcome
    return {
        **{name: getattr(forecast, name) for name in names},
        "organisation_id": forecast.key.organisation_id,
        "device_id": forecast.key.device_id,
        "series_id": forecast.key.series_id,
        "predictor": PREDICTOR,
        "first_confidence": forecast.confidence,
        "outcome": outcome.outcome if outcome else None,
        "outcome_at": outcome.at if outcome else None,
        "outcome_why": outcome.why if outcome else None,
        "lead_s": outcome.lead_s if outcome else None,
    }


def _forecast(row: Mapping[str, Any]) -> Forecast:
    outcome = None
    if row["outcome"] is not None:
        outcome = Outcome(row["outcome"], row["outcome_at"], row["outcome_why"] or "", row["lead_s"])
    names = [
        *("id", "resource", "object", "state", "made_at", "updated_at", "full_at", "full_at_low", "full_at_high"),
        *("first_full_at", "onset_at", "confidence", "value", "capacity", "growth_per_s", "path"),
    ]
    return Forecast(
        key=Key(row["organisation_id"], row["device_id"], row["series_id"]),
        said_at=row["updated_at"],
        outcome=outcome,
        **{name: row[name] for name in names},
    )
