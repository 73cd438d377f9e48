"""Conditions in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.store.tables import conditions, devices, series


@dataclass(frozen=True)
class Spot:
    """What a condition is about. object: "" when the device itself is meant."""

    organisation_id: str
    device_id: str
    rule: str
    object: str


@dataclass(frozen=True)
class Begun:
    """A condition that begins to hold."""

    spot: Spot
    title: str
    figure: float
    onset_at: datetime


@dataclass(frozen=True)
class SeriesRow:
    """A series that a rule looks at."""

    organisation_id: str
    device_id: str
    id: int
    name: str
    labels: dict[str, str]


async def load_series(tx: AsyncConnection, names: frozenset[str], after_id: int) -> list[SeriesRow]:
    """The series of these names that were made after this id."""
    query = select(*(series.c[name] for name in SeriesRow.__dataclass_fields__))
    found = await tx.execute(query.where(series.c.name.in_(names), series.c.id > after_id))
    return [SeriesRow(**row) for row in found.mappings()]


@dataclass(frozen=True)
class Known:
    """A condition that holds. made_at: by the server's clock; onset_at: by the device's."""

    id: str
    made_at: datetime
    onset_at: datetime


async def load_open(tx: AsyncConnection) -> dict[Spot, Known]:
    """The conditions that hold."""
    spot, known = list(Spot.__dataclass_fields__), list(Known.__dataclass_fields__)
    query = select(*(conditions.c[name] for name in (*spot, *known))).where(conditions.c.closed_at.is_(None))
    return {
        Spot(*(row[name] for name in spot)): Known(**{name: row[name] for name in known})
        for row in (await tx.execute(query)).mappings()
    }


async def load_offsets(tx: AsyncConnection) -> dict[tuple[str, str], int]:
    """By how many milliseconds each device's clock is ahead, as it was measured last."""
    query = select(devices.c.organisation_id, devices.c.id, devices.c.clock_offset_ms)
    found = await tx.execute(query.where(devices.c.clock_offset_ms != 0))
    return {(row.organisation_id, row.id): row.clock_offset_ms for row in found}


async def begin(tx: AsyncConnection, begun: Sequence[Begun], now: datetime) -> dict[Spot, Known]:
    """Keeps conditions that begin."""
    rows = [
        {
            "organisation_id": one.spot.organisation_id,
            "id": new_id("cnd"),
            "device_id": one.spot.device_id,
            "rule": one.spot.rule,
            "object": one.spot.object,
            "title": one.title,
            "figure": one.figure,
            "onset_at": one.onset_at,
            "made_at": now,
        }
        for one in begun
    ]
    if rows:
        await tx.execute(insert(conditions), rows)
    return {one.spot: Known(str(row["id"]), now, one.onset_at) for one, row in zip(begun, rows, strict=True)}


async def end(tx: AsyncConnection, ids: Sequence[str], now: datetime) -> None:
    """Marks conditions that are over."""
    if ids:
        await tx.execute(
            update(conditions).where(conditions.c.id.in_(ids), conditions.c.closed_at.is_(None)).values(closed_at=now)
        )
