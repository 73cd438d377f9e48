"""The plan: asking the device for its dry run, and keeping the exact bytes that it answers with."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits, sshsig
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.ids import sha256
from sereno_proto.keys import from_ed25519_bytes
from sereno_proto.plan import Plan, read_plan
from sereno_proto.roster import NOBODY
from sereno_proto.v1.runs_pb2 import MakePlan, PlanIssued
from sereno_server.runs import rows
from sereno_server.runs.parts import LATER, Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, runs

PLANNING_VALID_S: Final = limits.PLAN_VALID_S  # a device that cannot be asked within this is not asked any more


async def make_plan(app: Parts, organisation_id: str, run_id: str, clock: Clock) -> None:
    """Brings a run from `planning` to `planned`, or to the state that says why not.

    Raises what is in LATER, to be called again. That may be at any time: a device that is asked twice issues two plans,
    and only the first is kept.
    """
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id)
    if run.state != "planning":
        return
    if clock() - run.created_at >= timedelta(seconds=PLANNING_VALID_S):
        await _close(app, run, clock, "expired", SerenoError("E_DEVICE_OFFLINE", "it could not be planned in time"))
        return
    order = MakePlan(
        run_id=run.id,
        ticket_id=run.ticket_id or "",
        playbook=run.playbook,
        steps=rows.steps_from_json(run.steps),
        requester=run.requester,
    )
    try:
        reply = await app.gateway.command(organisation_id, run.device_id, order, timeout_s=limits.WORKER_TIMEOUT_S)
        if reply.WhichOneof("body") != "plan_issued":
            raise Refused("E_DOCUMENT", "the device did not answer with a plan")
        await _keep(app, run, reply.plan_issued, clock())
    except SerenoError as error:
        if error.code in LATER:
            raise
        await _close(app, run, clock, "refused", error)


async def _keep(app: Parts, run: rows.Run, issued: PlanIssued, now: datetime) -> None:
    async with app.store.transaction(Scope(run.organisation_id)) as tx:
        plan = require_own(run, issued, await _identity_key(tx, run))
        actor = await rows.device_name(tx, run)
        kept = await rows.move(
            tx,
            run,
            "planned",
            from_states=["planning"],
            actor=actor,
            plan_id=plan.id,
            plan_text=issued.plan_text,
            plan_digest=sha256(issued.plan_text),
            device_signature=issued.device_signature,
            risk=plan.risk,
            planned_at=now,
            expires_at=plan.expires,
        )
        if kept:
            await _supersede(tx, run, now)
            text = f"{actor.removeprefix('device:')} planned {run.playbook}: {len(plan.steps)} steps, {plan.risk} risk"
            await rows.tell_ticket(tx, run, at=now, kind="proposed", text=text, actor="device", plan=plan.id)


def require_own(run: rows.Run, issued: PlanIssued, identity_key: bytes) -> Plan:
    """Reads the plan; raises unless the run's device signed it and it answers what was asked.

    A plan for something else would be refused by the device later, after people had spent their signatures on it.
    """
    if sshsig.verify(issued.plan_text, issued.device_signature, sshsig.PLAN_NAMESPACE) != from_ed25519_bytes(
        identity_key
    ):
        raise Refused("E_PLAN_DEVICE", "another key than the device's own signed the plan")
    plan = read_plan(issued.plan_text)
    if plan.device_id != run.device_id:
        raise Refused("E_PLAN_DEVICE", f"the plan names {plan.device_id}")
    asked = (run.organisation_id, run.id, run.ticket_id or "", run.playbook, run.requester)
    if (plan.organisation_id, plan.run_id, plan.ticket_id, plan.playbook, plan.requester) != asked:
        raise Refused("E_PLAN_CHANGED", "the plan is not for what was asked")
    return plan


async def _identity_key(tx: AsyncConnection, run: rows.Run) -> bytes:
    of_device = (devices.c.organisation_id == run.organisation_id, devices.c.id == run.device_id)
    return bytes(await tx.scalar(select(devices.c.identity_key).where(*of_device)) or b"")


async def _supersede(tx: AsyncConnection, run: rows.Run, now: datetime) -> None:
    """A person's plan takes the place of what waited on the ticket; the desk's own takes nobody's."""
    if run.ticket_id is None or run.requester == NOBODY:
        return
    older = await tx.execute(
        select(runs.c.id).where(
            runs.c.organisation_id == run.organisation_id,
            runs.c.ticket_id == run.ticket_id,
            runs.c.state.in_(("planning", "planned")),
            runs.c.created_at <= run.created_at,
            runs.c.id != run.id,
        )
    )
    for row in older.all():
        other = await rows.read(tx, run.organisation_id, row.id, lock=True)
        await rows.move(
            tx,
            other,
            "superseded",
            from_states=["planning", "planned"],
            actor=run.requester,
            finished_at=now,
            what=f"{run.requester} asked for {run.id} instead",
        )


async def _close(app: Parts, run: rows.Run, clock: Clock, state: str, error: SerenoError) -> None:
    """Ends a run that got no plan, with the device's own code on run, timeline and ledger."""
    now = clock()
    async with app.store.transaction(Scope(run.organisation_id)) as tx:
        actor = await rows.device_name(tx, run)
        values: dict[str, Any] = {"code": error.code, "what": error.what, "finished_at": now}
        if await rows.move(tx, run, state, from_states=["planning"], actor=actor, **values):
            text = f"No plan for {run.playbook}: {error.what} ({error.code}). {error.remedy}"
            await rows.tell_ticket(tx, run, at=now, kind="refused", text=text, actor="device", code=error.code)
