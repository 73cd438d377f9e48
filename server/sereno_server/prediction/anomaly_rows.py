"""Incidents of devices in the database: what is read to understand them, and what is written."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.prediction.incidents import Departure, Opened, strongest, title
from sereno_server.prediction.lifecycle import moment
from sereno_server.prediction.muting import Subject, mute_the_wrong
from sereno_server.prediction.slots import SLOT_MS
from sereno_server.prediction.unusual import Device
from sereno_server.store.tables import alerts, anomalies, changes, devices, maintenance, runs, series

SERIES_KEPT = 12
AROUND = timedelta(minutes=30)  # a run or an upgrade this long before still explains
PACKAGES = "package"


@dataclass(frozen=True, slots=True)
class NamedSeries:
    """A series of a device and what it is called."""

    organisation_id: str
    device_id: str
    id: int
    text: str
    kind: str


async def load_series(tx: AsyncConnection, after_id: int) -> list[NamedSeries]:
    """All series that were made after this id."""
    query = select(*(series.c[name] for name in NamedSeries.__dataclass_fields__)).where(series.c.id > after_id)
    return [NamedSeries(**row) for row in (await tx.execute(query)).mappings()]


@dataclass(frozen=True, slots=True)
class Known:
    """An incident that is open. made_at: by the server's clock; onset_at: by the device's."""

    id: str
    made_at: datetime
    onset_at: datetime


async def load_open(tx: AsyncConnection) -> dict[Device, Known]:
    """The incidents that are open."""
    names = ("organisation_id", "device_id", "id", "made_at", "onset_at")
    found = await tx.execute(select(*(anomalies.c[name] for name in names)).where(anomalies.c.state == "open"))
    return {(row.organisation_id, row.device_id): Known(row.id, row.made_at, row.onset_at) for row in found}


async def explanation(tx: AsyncConnection, device: Device, onset: datetime, now: datetime) -> str | None:
    """What makes it no surprise: maintenance, a run or an upgrade of packages."""
    organisation_id, device_id = device
    site = select(devices.c.site).where(devices.c.organisation_id == organisation_id, devices.c.id == device_id)
    window = select(maintenance.c.reason).where(
        maintenance.c.organisation_id == organisation_id,
        maintenance.c.starts_at <= now,
        maintenance.c.ends_at > onset,
        or_(
            maintenance.c.device_id == device_id,
            and_(
                maintenance.c.device_id.is_(None),
                or_(maintenance.c.site.is_(None), maintenance.c.site == site.scalar_subquery()),
            ),
        ),
    )
    if (reason := (await tx.execute(window.limit(1))).scalar()) is not None:
        return f"announced maintenance: {reason}"
    ran = select(runs.c.playbook).where(
        runs.c.organisation_id == organisation_id,
        runs.c.device_id == device_id,
        runs.c.created_at <= onset + timedelta(milliseconds=SLOT_MS),  # what is done about it does not explain it
        or_(runs.c.state == "executing", runs.c.finished_at >= onset - AROUND),
    )
    if (playbook := (await tx.execute(ran.limit(1))).scalar()) is not None:
        return f"{playbook} ran"
    upgraded = select(changes.c.object).where(
        changes.c.organisation_id == organisation_id,
        changes.c.device_id == device_id,
        changes.c.kind == PACKAGES,
        changes.c.at >= onset - AROUND,
        changes.c.at <= now + AROUND,
    )
    if (package := (await tx.execute(upgraded.limit(1))).scalar()) is not None:
        return f"packages changed: {package}"
    return None


async def add(tx: AsyncConnection, device: Device, opened: Opened, now: datetime, explained: str | None) -> str:
    """Keeps an incident: open, or closed at once when something explains it. Gives its id."""
    anomaly_id = new_id("anm")
    values: dict[str, Any] = {"state": "open"}
    if explained is not None:
        values = {"state": "closed", "outcome": "withdrawn", "outcome_at": now, "outcome_why": explained}
    onset = moment(opened.onset * SLOT_MS / 1000)
    await tx.execute(
        insert(anomalies).values(
            organisation_id=device[0],
            id=anomaly_id,
            device_id=device[1],
            made_at=now,
            updated_at=now,
            onset_at=onset,
            strength=opened.strength,
            title=title(opened.series),
            series=[asdict(one) for one in opened.series[:SERIES_KEPT]],
            **values,
        )
    )
    return anomaly_id


async def go_on(  # noqa: PLR0917 (which incident, and what it became)
    tx: AsyncConnection, device: Device, anomaly_id: str, strength: float, fresh: Sequence[Departure], now: datetime
) -> bool:
    """Keeps what an open incident has become: its largest strength, each series where it departed most.

    Tells whether it became more.
    """
    here = and_(anomalies.c.organisation_id == device[0], anomalies.c.id == anomaly_id, anomalies.c.state == "open")
    known = (await tx.execute(select(anomalies.c.strength, anomalies.c.series).where(here).with_for_update())).first()
    if known is None:
        return False
    before = [Departure(**one) for one in known.series]
    series_now = strongest([*before, *fresh])[:SERIES_KEPT]
    more = strength > known.strength or series_now != before
    values: dict[str, Any] = {"updated_at": now}
    if more:
        values |= {
            "strength": max(strength, known.strength),
            "title": title(series_now),
            "series": [asdict(one) for one in series_now],
        }
    await tx.execute(update(anomalies).where(here).values(**values))
    return more


async def withdraw(tx: AsyncConnection, device: Device, anomaly_id: str, now: datetime, why: str) -> None:
    """Takes back an incident that something explains after all."""
    await tx.execute(
        update(anomalies)
        .where(anomalies.c.organisation_id == device[0], anomalies.c.id == anomaly_id, anomalies.c.state == "open")
        .values(state="closed", updated_at=now, outcome="withdrawn", outcome_at=now, outcome_why=why)
    )


async def close(tx: AsyncConnection, device: Device, anomaly_id: str, now: datetime) -> None:
    """Marks an incident that is over: a hit when anything else was wrong with the device meanwhile, from then on."""
    here = and_(anomalies.c.organisation_id == device[0], anomalies.c.id == anomaly_id)
    began = select(anomalies.c.onset_at).where(here).scalar_subquery()
    other = select(alerts.c.title, alerts.c.opened_at).where(
        alerts.c.organisation_id == device[0],
        alerts.c.device_id == device[1],
        alerts.c.kind != "anomaly",
        alerts.c.opened_at >= began - AROUND,
    )
    found = (await tx.execute(other.order_by(alerts.c.opened_at).limit(1))).first()
    outcome, why, at = ("hit", found.title, found.opened_at) if found else ("miss", "nothing else came of it", now)
    await tx.execute(
        update(anomalies)
        .where(here, anomalies.c.state == "open")
        .values(
            state="closed",
            updated_at=now,
            outcome=outcome,
            outcome_at=func.greatest(anomalies.c.made_at, at),  # so that their difference is the lead
            outcome_why=why,
        )
    )
    await mute_the_wrong(tx, [Subject.of_anomaly(*device)], now)
