"""Rollouts, as pages and API show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_proto.limits import PAGE_ROWS
from sereno_server.store.tables import devices, rollouts, runs


@dataclass(frozen=True)
class RolloutRun:
    """The run of one device."""

    id: str
    device_id: str
    device_name: str
    ring: int
    state: str
    risk: str | None
    code: str | None
    what: str | None
    finished_at: datetime | None


@dataclass(frozen=True)
class RolloutView:
    """A rollout with its runs, ring by ring. ring: the one that is carried out now, from 0."""

    id: str
    playbook: str
    requester: str
    target: str
    ring: int
    rings: int
    pause_s: int
    failures_max: int
    state: str
    what: str | None
    schedule_id: str | None
    created_at: datetime
    ring_over_at: datetime | None
    finished_at: datetime | None
    runs: Sequence[RolloutRun]


async def rollouts_of(tx: AsyncConnection, *, limit: int = PAGE_ROWS) -> list[RolloutView]:
    """The newest rollouts."""
    found = await tx.execute(select(rollouts.c.id).order_by(rollouts.c.created_at.desc(), rollouts.c.id).limit(limit))
    return [await rollout(tx, rollout_id) for rollout_id in found.scalars().all()]


async def rollout(tx: AsyncConnection, rollout_id: str) -> RolloutView:
    """One rollout; raises E_NOT_FOUND."""
    row = (await tx.execute(select(rollouts).where(rollouts.c.id == rollout_id))).mappings().first()
    if row is None:
        raise BadInput("E_NOT_FOUND", f"no rollout {rollout_id[:80]}")
    columns = [runs.c[name] for name in ("id", "device_id", "ring", "state", "risk", "code", "what", "finished_at")]
    of_run = and_(devices.c.organisation_id == runs.c.organisation_id, devices.c.id == runs.c.device_id)
    found = await tx.execute(
        select(*columns, devices.c.name.label("device_name"))
        .join_from(runs, devices, of_run)
        .where(runs.c.rollout_id == rollout_id)
        .order_by(runs.c.ring, devices.c.name)
    )
    shown = {name: row[name] for name in RolloutView.__dataclass_fields__ if name in row}
    return RolloutView(**shown, runs=tuple(RolloutRun(**one) for one in found.mappings()))
