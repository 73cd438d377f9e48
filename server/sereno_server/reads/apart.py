"""What sets a device apart: from its siblings now, and from its own past while an anomaly is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads import pick
from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.rows import CauseRow, ChangeRow
from sereno_server.store.tables import anomalies, anomaly_causes, changes, differences, series


@dataclass(frozen=True)
class DifferenceRow:
    """A series in which a device differs. usual: the middle one of its siblings'; distance: in their spreads."""

    series: SeriesRow
    since: datetime
    value: float
    usual: float
    distance: float
    siblings: int
    among: tuple[str, ...]  # the siblings' names


@dataclass(frozen=True)
class DepartureRow:
    """A series that is unlike its own past."""

    text: str
    value: float
    usual: float


@dataclass(frozen=True)
class AnomalyRow:
    """An open anomaly with what changed before it began, the likeliest first."""

    id: str
    title: str
    made_at: datetime
    onset_at: datetime
    strength: float
    departures: tuple[DepartureRow, ...]
    causes: tuple[CauseRow, ...]


@dataclass(frozen=True)
class Apart:
    """Everything that sets a device apart now."""

    differences: tuple[DifferenceRow, ...]  # the farthest first
    anomaly: AnomalyRow | None


async def apart(tx: AsyncConnection, device_id: str) -> Apart:
    """What sets the device apart now."""
    return Apart(await _differences(tx, device_id), await _anomaly(tx, device_id))


async def _differences(tx: AsyncConnection, device_id: str) -> tuple[DifferenceRow, ...]:
    same = and_(
        series.c.organisation_id == differences.c.organisation_id,
        series.c.device_id == differences.c.device_id,
        series.c.id == differences.c.series_id,
    )
    query = (
        select(*pick.columns(DifferenceRow, differences), *pick.columns(SeriesRow, series))
        .join_from(differences, series, same)
        .where(differences.c.device_id == device_id)
        .order_by(differences.c.distance.desc())
    )
    return tuple(
        pick.row(DifferenceRow, row, series=pick.row(SeriesRow, row), among=tuple(row["among"] or ()))
        for row in (await tx.execute(query)).mappings()
    )


async def _anomaly(tx: AsyncConnection, device_id: str) -> AnomalyRow | None:
    query = select(anomalies).where(anomalies.c.device_id == device_id, anomalies.c.state == "open")
    row = (await tx.execute(query.order_by(anomalies.c.made_at.desc()).limit(1))).mappings().first()
    if row is None:
        return None
    departures = _departures(row["series"] or ())
    return pick.row(AnomalyRow, row, departures=departures, causes=await _causes(tx, row["id"]))


def _departures(given: Sequence[dict[str, object]]) -> tuple[DepartureRow, ...]:
    return tuple(DepartureRow(str(one["text"]), float(str(one["value"])), float(str(one["usual"]))) for one in given)


async def _causes(tx: AsyncConnection, anomaly_id: str) -> tuple[CauseRow, ...]:
    ranked = anomaly_causes
    same = and_(ranked.c.organisation_id == changes.c.organisation_id, ranked.c.change_id == changes.c.id)
    query = (
        select(ranked.c.rank, ranked.c.weight, ranked.c.why, *pick.columns(ChangeRow, changes))
        .join_from(ranked, changes, same)
        .where(ranked.c.anomaly_id == anomaly_id)
        .order_by(ranked.c.rank)
    )
    return tuple(
        pick.row(CauseRow, row, change=pick.row(ChangeRow, row)) for row in (await tx.execute(query)).mappings()
    )
