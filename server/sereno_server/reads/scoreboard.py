"""Can its warnings be trusted: every forecast and anomaly that was scored, by predictor and resource."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Subquery, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads import pick
from sereno_server.reads.calibration import ConfidenceBin, LeadBin, calibration, leads
from sereno_server.reads.health import of_device
from sereno_server.reads.scored import scored
from sereno_server.store.tables import devices, mutes, ratings

DEVICES_MAX = 20
LAST_MAX = 20


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
class ScoredRow:
    """One thing that was said, with what came of it. confidence: as first said; None where none is said."""

    id: str
    device_name: str
    predictor: str
    resource: str
    object: str
    outcome: str
    outcome_at: datetime | None
    outcome_why: str | None
    confidence: float | None


@dataclass(frozen=True)
class Scoreboard:
    """All predictors together, each by itself, and what was scored last."""

    since: datetime
    total: PredictorScore
    predictors: tuple[PredictorScore, ...]
    last: tuple[ScoredRow, ...]
    devices: tuple[DeviceScore, ...] = ()  # those with the most false alarms first
    mutes: tuple[MuteRow, ...] = ()
    leads: tuple[LeadBin, ...] = ()
    calibration: tuple[ConfidenceBin, ...] = ()
    useful: int = 0  # what people said of tickets
    not_useful: int = 0


async def scoreboard(tx: AsyncConnection, since: datetime) -> Scoreboard:
    """Everything said since then. Nothing is left out."""
    told = scored(since)
    grouped = _counted(told).add_columns(told.c.predictor, told.c.resource)
    grouped = grouped.group_by(told.c.predictor, told.c.resource).order_by(told.c.predictor.desc(), told.c.resource)
    by_device = (
        _counted(told)
        .add_columns(devices.c.name.label("device_name"))
        .join_from(told, devices, of_device(told))
        .group_by(devices.c.id, devices.c.name)
        .order_by(func.count().filter(told.c.outcome == "miss").desc(), devices.c.name)
        .limit(DEVICES_MAX)
    )
    total = (await tx.execute(_counted(told))).mappings().one()
    last = (
        select(*pick.columns(ScoredRow, told), devices.c.name.label("device_name"))
        .join_from(told, devices, of_device(told))
        .where(told.c.outcome.is_not(None))
        .order_by(told.c.outcome_at.desc().nulls_last(), told.c.id.desc())
        .limit(LAST_MAX)
    )
    said = select(func.count().filter(ratings.c.useful), func.count().filter(~ratings.c.useful))
    useful, not_useful = (await tx.execute(said.where(ratings.c.at >= since))).one()
    return Scoreboard(
        since=since,
        total=pick.row(PredictorScore, total, predictor="", resource=""),
        predictors=tuple(pick.row(PredictorScore, m) for m in (await tx.execute(grouped)).mappings()),
        last=tuple(pick.row(ScoredRow, m) for m in (await tx.execute(last)).mappings()),
        devices=tuple(
            DeviceScore(m["device_name"], pick.row(PredictorScore, m, predictor="", resource=""))
            for m in (await tx.execute(by_device)).mappings()
        ),
        mutes=await _mutes(tx, scored(datetime.min.replace(tzinfo=since.tzinfo))),
        leads=await leads(tx, told),
        calibration=await calibration(tx, told),
        useful=useful,
        not_useful=not_useful,
    )


async def _mutes(tx: AsyncConnection, told: Subquery) -> tuple[MuteRow, ...]:
    same = and_(
        *(told.c[name] == mutes.c[name] for name in ("organisation_id", "device_id", "predictor", "resource")),
        told.c.object == mutes.c.object,
        told.c.outcome_at > mutes.c.since,
    )
    hit, miss = (func.count().filter(told.c.outcome == name) for name in ("hit", "miss"))
    query = (
        select(
            *pick.columns(MuteRow, mutes),
            devices.c.name.label("device_name"),
            hit.label("right_in_silence"),
            (hit + miss).label("told_in_silence"),
        )
        .join_from(mutes, devices, of_device(mutes))
        .outerjoin(told, same)
        .where(mutes.c.ended_at.is_(None))
        .group_by(mutes.c.organisation_id, mutes.c.id, devices.c.name)
        .order_by(mutes.c.since.desc())
    )
    return tuple(pick.row(MuteRow, m) for m in (await tx.execute(query)).mappings())


def _counted(told: Subquery) -> Select[*tuple[Any, ...]]:
    outcome = told.c.outcome
    hits = outcome == "hit"
    return select(
        *(func.count().filter(outcome == name).label(name) for name in ("hit", "miss", "prevented", "withdrawn")),
        func.count().filter(outcome.is_(None)).label("open"),
        func.percentile_cont(0.5).within_group(told.c.lead_s).filter(hits).label("lead_median_s"),
        func.percentile_cont(0.1).within_group(told.c.lead_s).filter(hits).label("lead_worst_tenth_s"),
        (func.coalesce(func.sum(told.c.open_s).filter(outcome == "miss"), 0.0) / 86_400.0).label("false_days"),
    ).select_from(told)
