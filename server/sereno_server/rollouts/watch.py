"""Watching rollouts: a ring is over when its runs are, the next one begins when its devices are well, else it stops."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import DropPlan
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, rollouts, runs, tickets

if TYPE_CHECKING:
    from sereno_server.app import App

POLL_S: Final = 5.0
FAILED: Final = frozenset({"failed", "refused"})
Dropped = tuple[str, str, str]  # organisation, device, plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """One device's run in a rollout. well: it is connected, and no ticket was opened for it since."""

    ring: int
    state: str
    name: str = ""
    well: bool = True


@dataclass(frozen=True)
class Verdict:
    """What becomes of a rollout now. ring: the one that may be carried out."""

    state: str
    ring: int
    what: str = ""
    ring_over: bool = False


def judge(members: Sequence[Member], ring: int, failures_max: int, *, watched: bool) -> Verdict:
    """Pure. watched: the pause since the end of the ring is over."""
    until_now = [one for one in members if one.ring <= ring]
    failed = [one.name for one in until_now if one.state in FAILED]
    if len(failed) > failures_max:
        return Verdict("stopped", ring, f"{len(failed)} runs failed: {', '.join(failed[:5])}")
    here = {one.state for one in members if one.ring == ring}
    if here & rows.LIVE:
        return Verdict("running", ring)
    if "succeeded" not in here:
        return Verdict("stopped", ring, f"nothing was carried out in ring {ring + 1}")
    sick = [one.name for one in until_now if one.state == "succeeded" and not one.well]
    if len(sick) + len(failed) > failures_max:
        return Verdict("stopped", ring, f"not well after it: {', '.join(sick[:5])}", ring_over=True)
    if not watched or any(one.ring > ring for one in members):
        return Verdict("running", ring + watched, ring_over=True)
    counted = Counter(one.state for one in members)
    return Verdict("done", ring, ", ".join(f"{count} {state}" for state, count in sorted(counted.items())))


async def run(app: "App") -> None:
    """Works until cancelled; what was under way is found again in the rows."""
    with app.events.subscribe("run", "rollout", "device") as queue:
        while True:
            try:
                await look(app, server_clock)
            except (SQLAlchemyError, OSError) as error:
                log.warning("rollouts: the database is away: %s", str(error).partition("\n")[0])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await queue.get()
            while not queue.empty():
                queue.get_nowait()


async def look(app: Parts, clock: Clock) -> None:
    """Looks at every rollout that goes on, once."""
    async with app.store.transaction(Scope.system()) as tx:
        found = await tx.execute(select(rollouts.c.organisation_id, rollouts.c.id).where(rollouts.c.state == "running"))
        live = [(row.organisation_id, row.id) for row in found]
    for organisation_id, rollout_id in live:
        async with app.store.transaction(Scope(organisation_id)) as tx:
            dropped = await step(tx, organisation_id, rollout_id, clock())
        await drop(app, dropped)


async def step(tx: AsyncConnection, organisation_id: str, rollout_id: str, now: datetime) -> list[Dropped]:
    """Does what follows from the runs' states; gives the plans that devices may forget."""
    of = (rollouts.c.organisation_id == organisation_id, rollouts.c.id == rollout_id)
    query = select(rollouts).where(*of, rollouts.c.state == "running").with_for_update(skip_locked=True)
    row = (await tx.execute(query)).mappings().first()
    if row is None:
        return []
    over_at = row["ring_over_at"]
    watched = over_at is not None and now >= over_at + timedelta(seconds=row["pause_s"])
    verdict = judge(await members(tx, organisation_id, rollout_id), row["ring"], row["failures_max"], watched=watched)
    if verdict.state != "running":
        return await end(tx, organisation_id, rollout_id, verdict.state, verdict.what, "server", now)
    if verdict.ring > row["ring"]:
        await tx.execute(update(rollouts).where(*of).values(ring=verdict.ring, ring_over_at=None))
        await record(tx, organisation_id, "server", "rollout.ring", rollout_id, {"ring": verdict.ring + 1})
        await _announce(tx, organisation_id, rollout_id)
    elif verdict.ring_over and over_at is None:
        await tx.execute(update(rollouts).where(*of).values(ring_over_at=now))
    return []


async def end(  # noqa: PLR0917  which rollout ends how, why and by whom
    tx: AsyncConnection, organisation_id: str, rollout_id: str, state: str, what: str, actor: str, now: datetime
) -> list[Dropped]:
    """Ends a rollout: runs that wait are denied, those under way go on to their end; gives the plans to forget."""
    await tx.execute(
        update(rollouts)
        .where(rollouts.c.organisation_id == organisation_id, rollouts.c.id == rollout_id)
        .values(state=state, what=what, finished_at=now)
    )
    await record(tx, organisation_id, actor, f"rollout.{state}", rollout_id, {"what": what})
    waiting = await tx.execute(
        select(runs.c.id).where(
            runs.c.organisation_id == organisation_id,
            runs.c.rollout_id == rollout_id,
            runs.c.state.in_(("planning", "planned")),
        )
    )
    dropped = []
    for run_id in waiting.scalars().all():
        held = await rows.read(tx, organisation_id, run_id, lock=True)
        values: dict[str, Any] = {"finished_at": now, "what": f"the rollout is {state}: {what}"}
        if await rows.move(tx, held, "denied", from_states=["planning", "planned"], actor=actor, **values):
            dropped += [(organisation_id, held.device_id, held.plan_id)] if held.plan_id else []
    await _announce(tx, organisation_id, rollout_id)
    return dropped


async def drop(app: Parts, dropped: Sequence[Dropped]) -> None:
    """Has devices forget plans. Where that does not reach one nothing is lost: the plan expires."""
    for organisation_id, device_id, plan_id in dropped:
        with contextlib.suppress(SerenoError):
            await app.gateway.command(organisation_id, device_id, DropPlan(plan_id=plan_id), timeout_s=5.0)


async def members(tx: AsyncConnection, organisation_id: str, rollout_id: str) -> list[Member]:
    """The runs of a rollout, and whether their devices are well since."""
    opened = (
        select(tickets.c.id)
        .where(
            tickets.c.organisation_id == runs.c.organisation_id,
            tickets.c.device_id == runs.c.device_id,
            tickets.c.opened_at >= runs.c.created_at,
        )
        .exists()
    )
    found = await tx.execute(
        select(runs.c.ring, runs.c.state, devices.c.name, devices.c.node.is_not(None), opened)
        .join(devices, (devices.c.organisation_id == runs.c.organisation_id) & (devices.c.id == runs.c.device_id))
        .where(runs.c.organisation_id == organisation_id, runs.c.rollout_id == rollout_id)
        .order_by(runs.c.ring, devices.c.name)
    )
    return [Member(row[0], row[1], row[2], bool(row[3]) and not row[4]) for row in found]


async def _announce(tx: AsyncConnection, organisation_id: str, rollout_id: str) -> None:
    await emit(tx, Event("rollout", organisation_id, rollout_id))
    await emit(tx, Event("run", organisation_id, rollout_id))
