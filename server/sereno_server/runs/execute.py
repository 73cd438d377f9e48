"""Executing: sending the device its own plan with its signatures, once they are enough, until it takes it or not."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.approval import Approval
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import ExecutePlan, Signature
from sereno_server.runs import rows
from sereno_server.runs.parts import LATER, Clock, Parts
from sereno_server.runs.sign import approval
from sereno_server.store.engine import Scope
from sereno_server.store.tables import rollouts


async def execute(app: Parts, organisation_id: str, run_id: str, clock: Clock) -> None:
    """Sends a planned run to its device when it is signed and not expired.

    Raises what is in LATER, to be called again. That may be at any time: the device carries a plan out once. When the
    answer got lost and the plan is sent anew, it says E_PLAN_REPLAYED, which here only means that it began already;
    what became of it, its run events say.
    """
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id)
        if run.state != "planned" or run.plan_text is None:
            return
        given = await rows.given(tx, run)
        if not given or not await _its_turn(tx, run):
            return
        verdict = approval(run.plan_text, given, await rows.newest_roster(tx, organisation_id), clock())
    if not isinstance(verdict, Approval):
        return
    order = ExecutePlan(
        plan_text=run.plan_text,
        signatures=[
            Signature(person=person, purpose=purpose, armored=signature) for person, purpose, signature in given
        ],
    )
    try:
        await app.gateway.command(organisation_id, run.device_id, order)
    except SerenoError as error:
        if error.code in LATER:
            raise
        if error.code != "E_PLAN_REPLAYED":
            await _refused(app, run, error, clock())
            return
    await _accepted(app, run, verdict, clock())


async def _its_turn(tx: AsyncConnection, run: rows.Run) -> bool:
    """Whether a run's ring may be carried out now; a run outside any rollout has none to wait for."""
    if run.rollout_id is None or run.ring is None:
        return True
    of = (rollouts.c.organisation_id == run.organisation_id, rollouts.c.id == run.rollout_id)
    row = (await tx.execute(select(rollouts.c.state, rollouts.c.ring).where(*of))).first()
    return row is not None and row.state == "running" and run.ring <= row.ring


async def _accepted(app: Parts, run: rows.Run, verdict: Approval, now: datetime) -> None:
    """The device took it. Its events may have been faster and moved the run on already; then nothing is left to do."""
    async with app.store.transaction(Scope(run.organisation_id)) as tx:
        payload = {"requester": verdict.requester, "approvers": list(verdict.approvers), "keys": verdict.fingerprints}
        if await rows.move(tx, run, "executing", from_states=["planned"], actor="server", payload=payload):
            text = f"Sent to the device: {run.playbook}, approved by {', '.join(verdict.approvers)}"
            await rows.tell_ticket(tx, run, at=now, kind="run", text=text, actor="server", once=f"sent {run.id}")


async def _refused(app: Parts, run: rows.Run, error: SerenoError, now: datetime) -> None:
    async with app.store.transaction(Scope(run.organisation_id)) as tx:
        actor = await rows.device_name(tx, run)
        values: dict[str, Any] = {"code": error.code, "what": error.what, "finished_at": now}
        if await rows.move(tx, run, "refused", from_states=["planned", "executing"], actor=actor, **values):
            text = f"The device refused {run.playbook}: {error.what} ({error.code}). {error.remedy}"
            await rows.tell_ticket(tx, run, at=now, kind="refused", text=text, actor="device", code=error.code)
