"""Degradation in the database: what is wrong with devices now, and what is kept of their scores."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.alerts.sources.forecasts import FULL_RATIO
from sereno_server.prediction import degradation
from sereno_server.prediction.degradation import Part
from sereno_server.prediction.muting import anomaly_muted, muted_here
from sereno_server.prediction.unusual import Device
from sereno_server.store.tables import (
    alerts,
    anomalies,
    degradation_days,
    degradations,
    devices,
    forecasts,
    log_lines,
    organisation_days,
)

ERROR_SEVERITY = 3  # syslog: error and worse
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PARTS_KEPT = 12
# Alerts of rules that speak of what is also measured or forecast: by the alert's kind, what both are about.
SAME = {"service_failed": "services_failed", "service_restarting": "restarts", "reboot_loop": "restarts"}
SAME_AS_FORECAST = {"certificate_expiring", "certificate_expired"}


@dataclass(frozen=True)
class Standing:
    """The score of a device and its parts, the worst first. since: by what each is about, when it began."""

    score: int
    parts: tuple[Part, ...]
    since: Mapping[str, datetime]

    def same(self, other: "Standing | None") -> bool:
        """Whether a reader would see no difference."""
        if other is None or self.score != other.score:
            return False
        seen, before = ([(part.about, round(part.points)) for part in one.parts] for one in (self, other))
        return seen == before


async def load_now(tx: AsyncConnection, now: datetime) -> dict[Device, list[Part]]:
    """Open forecasts, firing alerts and open anomalies of every device; muted ones are left out."""
    found: dict[Device, list[Part]] = defaultdict(list)
    for device, part in [*await _forecasts(tx, now), *await _alerts(tx), *await _anomalies(tx)]:
        found[device].append(part)
    return found


async def _forecasts(tx: AsyncConnection, now: datetime) -> list[tuple[Device, Part]]:
    columns = ("organisation_id", "device_id", "resource", "object", "full_at", "confidence", "value", "capacity")
    full = forecasts.c.value >= FULL_RATIO * forecasts.c.capacity
    query = select(*(forecasts.c[name] for name in columns)).where(forecasts.c.state == "open")
    found = []
    for row in await tx.execute(query.where(full | ~muted_here(forecasts))):
        left_s = None if row.full_at is None else (row.full_at - now).total_seconds()
        is_full = row.value >= FULL_RATIO * row.capacity
        points = degradation.runs_out(left_s, row.confidence, full=is_full)
        figures = {
            "resource": row.resource,
            "object": row.object,
            "full_at": row.full_at.isoformat() if row.full_at else None,
            "full": is_full,
            "confidence": round(row.confidence, 2),
        }
        about = f"exhaustion:{row.device_id}:{row.resource}:{row.object}"
        found.append(((row.organisation_id, row.device_id), Part("forecast", about, points, figures)))
    return found


async def _alerts(tx: AsyncConnection) -> list[tuple[Device, Part]]:
    columns = ("organisation_id", "device_id", "fingerprint", "severity", "title", "kind")
    query = select(*(alerts.c[name] for name in columns)).where(alerts.c.state == "firing")
    return [
        (
            (row.organisation_id, row.device_id),
            Part(
                "alert",
                _about(row.kind, row.fingerprint),
                # What is said of an open forecast or anomaly is counted by its own figures, which are finer.
                0.0 if row.kind in {"exhaustion", "anomaly"} else degradation.alerted(row.severity),
                {"title": row.title, "severity": row.severity, "kind": row.kind},
            ),
        )
        for row in await tx.execute(query)
    ]


def _about(kind: str, fingerprint: str) -> str:
    if kind in SAME_AS_FORECAST:
        return f"exhaustion:{fingerprint.partition(':')[2]}"
    return SAME.get(kind, fingerprint)


async def _anomalies(tx: AsyncConnection) -> list[tuple[Device, Part]]:
    columns = ("organisation_id", "device_id", "title", "strength")
    query = select(*(anomalies.c[name] for name in columns)).where(anomalies.c.state == "open", ~anomaly_muted())
    return [
        (
            (row.organisation_id, row.device_id),
            Part("anomaly", f"anomaly:{row.device_id}::", degradation.unusual(row.strength), {"title": row.title}),
        )
        for row in await tx.execute(query)
    ]


async def load_errors(tx: AsyncConnection, device: Device, now: datetime) -> tuple[int, float]:
    """Error lines of a device in the last hour, and in an ordinary hour of the day before that."""
    now_ms = int(now.timestamp() * 1000)
    lately = log_lines.c.at_ms > now_ms - HOUR_MS
    query = select(func.count().filter(lately), func.count().filter(~lately)).where(
        log_lines.c.organisation_id == device[0],
        log_lines.c.device_id == device[1],
        log_lines.c.at_ms > now_ms - HOUR_MS - DAY_MS,
        log_lines.c.severity <= ERROR_SEVERITY,
    )
    last, before = (await tx.execute(query)).one()
    return int(last), float(before) / 24.0


async def load_standings(tx: AsyncConnection) -> dict[Device, Standing]:
    """What was last said of every device."""
    found = {}
    for row in (await tx.execute(select(degradations))).mappings():
        parts = tuple(Part(one["kind"], one["about"], one["points"], one["figures"]) for one in row["parts"])
        since = {one["about"]: datetime.fromisoformat(one["since"]) for one in row["parts"]}
        found[row["organisation_id"], row["device_id"]] = Standing(row["score"], parts, since)
    return found


async def save(tx: AsyncConnection, changed: Mapping[Device, Standing], now: datetime) -> None:
    """Keeps these standings, and the worst of the day."""
    if not changed:
        return
    rows = [
        {
            "organisation_id": device[0],
            "device_id": device[1],
            "score": standing.score,
            "parts": as_rows(standing),
            "at": now,
        }
        for device, standing in changed.items()
    ]
    statement = upsert(degradations)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["organisation_id", "device_id"],
            set_={name: statement.excluded[name] for name in ("score", "parts", "at")},
        ),
        rows,
    )
    statement = upsert(degradation_days)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["organisation_id", "device_id", "day"], set_=_worse(degradation_days, statement)
        ),
        [
            {
                "organisation_id": row["organisation_id"],
                "device_id": row["device_id"],
                "day": now.date(),
                "worst": row["score"],
                "last": row["score"],
                "parts": row["parts"],
            }
            for row in rows
        ],
    )


async def begin_day(tx: AsyncConnection, day: date) -> None:
    """A row of this day for every device that has none yet, so that a sound day is told from one nobody looked at."""
    standing = and_(
        degradations.c.organisation_id == devices.c.organisation_id, degradations.c.device_id == devices.c.id
    )
    score = func.coalesce(degradations.c.score, 0)
    from_now = (
        select(
            devices.c.organisation_id,
            devices.c.id,
            cast(day, degradation_days.c.day.type),
            score,
            score,
            func.coalesce(degradations.c.parts, func.jsonb_build_array()),
        )
        .select_from(devices.outerjoin(degradations, standing))
        .where(devices.c.revoked_at.is_(None))
    )
    columns = ["organisation_id", "device_id", "day", "worst", "last", "parts"]
    await tx.execute(upsert(degradation_days).from_select(columns, from_now).on_conflict_do_nothing())


async def save_organisations(tx: AsyncConnection, now: datetime) -> None:
    """Scores every organisation from its devices, and keeps the worst of the day."""
    query = (
        select(degradations.c.organisation_id, degradations.c.device_id, degradations.c.score, devices.c.name)
        .join_from(
            degradations,
            devices,
            and_(degradations.c.organisation_id == devices.c.organisation_id, degradations.c.device_id == devices.c.id),
        )
        .where(degradations.c.score > 0, devices.c.revoked_at.is_(None))
    )
    parts: dict[str, list[Part]] = defaultdict(list)
    for row in await tx.execute(query):
        parts[row.organisation_id].append(Part("device", row.device_id, float(row.score), {"name": row.name}))
    everyone = set(await tx.scalars(select(devices.c.organisation_id).distinct()))
    rows = []
    for organisation_id in everyone:
        ranked = degradation.counted(parts[organisation_id])
        score = round(degradation.combined([part.points for part in ranked]))
        kept = [_as_row(part, None) for part in ranked[:PARTS_KEPT]]
        rows.append(
            {
                "organisation_id": organisation_id,
                "day": now.date(),
                "worst": score,
                "last": score,
                "parts": kept,
            }
        )
    if rows:
        statement = upsert(organisation_days)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["organisation_id", "day"], set_=_worse(organisation_days, statement)
            ),
            rows,
        )


def _worse(table: Any, statement: Any) -> dict[str, Any]:
    """The last score as it is now; the worst, and the parts at that moment, only when it is worse."""
    worse = statement.excluded.worst >= table.c.worst
    return {
        "last": statement.excluded.last,
        "worst": func.greatest(table.c.worst, statement.excluded.worst),
        "parts": case((worse, statement.excluded.parts), else_=table.c.parts),
    }


def as_rows(standing: Standing) -> list[dict[str, Any]]:
    """The parts as they are stored."""
    return [_as_row(part, standing.since.get(part.about)) for part in standing.parts[:PARTS_KEPT]]


def _as_row(part: Part, since: datetime | None) -> dict[str, Any]:
    row = {"kind": part.kind, "about": part.about, "points": round(part.points, 1), "figures": dict(part.figures)}
    return row if since is None else row | {"since": since.isoformat()}


def standing_of(parts: Iterable[Part], before: Standing | None, now: datetime) -> Standing:
    """The standing that these parts make; what was there before keeps the time at which it began."""
    ranked: Sequence[Part] = degradation.counted(parts)
    known = before.since if before is not None else {}
    since = {part.about: known.get(part.about, now) for part in ranked}
    return Standing(round(degradation.combined([part.points for part in ranked])), tuple(ranked), since)
