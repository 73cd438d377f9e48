"""Can its warnings be trusted: every forecast that was scored, by predictor and resource."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Double, Select, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads import pick
from sereno_server.reads.health import of_device
from sereno_server.reads.rows import ForecastRow
from sereno_server.store.tables import devices, forecasts, mutes

DEVICES_MAX = 20


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
    false_days: float = 0.0  # for so long forecasts were open that did not come true

    @property
    def told(self) -> int:
        return self.hit + self.miss

    @property
    def came_true(self) -> float | None:
        return self.hit / self.told if self.told else None


@dataclass(frozen=True)
class DeviceScore:
    """Outcomes on one device."""

    device_name: str
    score: PredictorScore


@dataclass(frozen=True)
class MuteRow:
    """A predictor that is wrong too often on one thing of one device, and how it did in silence since."""

    id: str
    device_name: str
    predictor: str
    resource: str
    object: str
    why: str
    since: datetime
    right_in_silence: int
    told_in_silence: int


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
    devices: tuple[DeviceScore, ...] = ()  # those with the most false alarms first
    mutes: tuple[MuteRow, ...] = ()


async def scoreboard(tx: AsyncConnection, since: datetime) -> Scoreboard:
    """Every forecast made since then. Nothing is left out."""
    grouped = _counted(since).add_columns(forecasts.c.predictor, forecasts.c.resource)
    grouped = grouped.group_by(forecasts.c.predictor, forecasts.c.resource).order_by(
        forecasts.c.predictor, forecasts.c.resource
    )
    by_device = (
        _counted(since)
        .add_columns(devices.c.name.label("device_name"))
        .join_from(forecasts, devices, of_device(forecasts))
        .group_by(devices.c.id, devices.c.name)
        .order_by(func.count().filter(forecasts.c.outcome == "miss").desc(), devices.c.name)
        .limit(DEVICES_MAX)
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
        devices=tuple(
            DeviceScore(m["device_name"], pick.row(PredictorScore, m, predictor="", resource=""))
            for m in (await tx.execute(by_device)).mappings()
        ),
        mutes=await _mutes(tx),
    )


async def _mutes(tx: AsyncConnection) -> tuple[MuteRow, ...]:
    same = and_(
        *(forecasts.c[name] == mutes.c[name] for name in ("organisation_id", "device_id", "predictor", "resource")),
        forecasts.c.object == mutes.c.object,
        forecasts.c.outcome_at > mutes.c.since,
    )
    hit, miss = (func.count().filter(forecasts.c.outcome == name) for name in ("hit", "miss"))
    query = (
        select(
            *pick.columns(MuteRow, mutes),
            devices.c.name.label("device_name"),
            hit.label("right_in_silence"),
            (hit + miss).label("told_in_silence"),
        )
        .join_from(mutes, devices, of_device(mutes))
        .outerjoin(forecasts, same)
        .where(mutes.c.ended_at.is_(None))
        .group_by(mutes.c.organisation_id, mutes.c.id, devices.c.name)
        .order_by(mutes.c.since.desc())
    )
    return tuple(pick.row(MuteRow, m) for m in (await tx.execute(query)).mappings())


def _counted(since: datetime) -> Select[*tuple[Any, ...]]:
    outcome = forecasts.c.outcome
    hits = outcome == "hit"
    open_s = cast(func.extract("epoch", forecasts.c.updated_at - forecasts.c.made_at), Double)
    return select(
        *(func.count().filter(outcome == name).label(name) for name in ("hit", "miss", "prevented", "withdrawn")),
        func.count().filter(outcome.is_(None)).label("open"),
        func.percentile_cont(0.5).within_group(forecasts.c.lead_s).filter(hits).label("lead_median_s"),
        func.percentile_cont(0.1).within_group(forecasts.c.lead_s).filter(hits).label("lead_worst_tenth_s"),
        (func.coalesce(func.sum(open_s).filter(outcome == "miss"), 0.0) / 86_400.0).label("false_days"),
    ).where(forecasts.c.made_at >= since)
