"""Can its warnings be trusted: every forecast that was scored, by predictor and resource."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads import pick
from sereno_server.reads.health import of_device
from sereno_server.reads.rows import ForecastRow
from sereno_server.store.tables import devices, forecasts


@dataclass(frozen=True)
class PredictorScore:
    """Outcomes of one predictor over one kind of resource. `came_true` leaves prevented and withdrawn ones out."""

    predictor: str
    resource: str
    hit: int
    miss: int
    prevented: int
    withdrawn: int
    open: int
    lead_median_s: float | None
    lead_worst_tenth_s: float | None

    @property
    def told(self) -> int:
        return self.hit + self.miss

    @property
    def came_true(self) -> float | None:
        return self.hit / self.told if self.told else None


@dataclass(frozen=True)
class ScoredForecast:
    """One forecast with what came of it."""

    forecast: ForecastRow
    device_name: str


@dataclass(frozen=True)
class Scoreboard:
    """All predictors together, each by itself, and the forecasts scored last."""

    since: datetime
    total: PredictorScore
    predictors: tuple[PredictorScore, ...]
    last: tuple[ScoredForecast, ...]


async def scoreboard(tx: AsyncConnection, since: datetime) -> Scoreboard:
    """Every forecast made since then. Nothing is left out."""
    grouped = _counted(since).add_columns(forecasts.c.predictor, forecasts.c.resource)
    grouped = grouped.group_by(forecasts.c.predictor, forecasts.c.resource).order_by(
        forecasts.c.predictor, forecasts.c.resource
    )
    total = (await tx.execute(_counted(since))).mappings().one()
    last = (
        select(*pick.columns(ForecastRow, forecasts, but=("path",)), devices.c.name.label("device_name"))
        .join_from(forecasts, devices, of_device(forecasts))
        .where(forecasts.c.made_at >= since, forecasts.c.outcome.is_not(None))
        .order_by(forecasts.c.outcome_at.desc().nulls_last(), forecasts.c.id.desc())
        .limit(20)
    )
    return Scoreboard(
        since=since,
        total=pick.row(PredictorScore, total, predictor="", resource=""),
        predictors=tuple(pick.row(PredictorScore, m) for m in (await tx.execute(grouped)).mappings()),
        last=tuple(
            ScoredForecast(forecast=pick.row(ForecastRow, m), device_name=m["device_name"])
            for m in (await tx.execute(last)).mappings()
        ),
    )


def _counted(since: datetime) -> Select[*tuple[Any, ...]]:
    outcome = forecasts.c.outcome
    hits = outcome == "hit"
    return select(
        *(func.count().filter(outcome == name).label(name) for name in ("hit", "miss", "prevented", "withdrawn")),
        func.count().filter(outcome.is_(None)).label("open"),
        func.percentile_cont(0.5).within_group(forecasts.c.lead_s).filter(hits).label("lead_median_s"),
        func.percentile_cont(0.1).within_group(forecasts.c.lead_s).filter(hits).label("lead_worst_tenth_s"),
    ).where(forecasts.c.made_at >= since)
