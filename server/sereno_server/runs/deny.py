"""Saying no: a person ends a run that waits."""

import contextlib

from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.limits import TEXT_CHARS_MAX
from sereno_proto.v1.runs_pb2 import DropPlan
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope


async def deny(app: Parts, account: Account, run_id: str, reason: str, *, clock: Clock = server_clock) -> None:
    """Denies a run; raises E_NOT_FOUND, E_FORBIDDEN, or E_CONFLICT when it no longer waits.

    The device is told to forget the plan. If that does not reach it nothing is lost: without signatures it never runs.
    """
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "deny", Object("run", organisation_id, run_id))
    if len(reason) > TEXT_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a reason has at most {TEXT_CHARS_MAX} characters")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id, lock=True)
        denied = await rows.move(
            tx,
            run,
            "denied",
            from_states=["planning", "planned"],
            actor=account.name,
            payload={"reason": reason},
            finished_at=now,
            what=f"{account.name}: {reason}" if reason else f"{account.name} said no",
        )
        if not denied:
            raise Refused("E_CONFLICT", f"the run does not wait any more, it is {run.state}")
        text = f"{account.name} denied {run.playbook}" + (f": {reason}" if reason else "")
        await rows.tell_ticket(tx, run, at=now, kind="refused", text=text, actor=account.name)
    if run.plan_id is not None:
        with contextlib.suppress(SerenoError):
            await app.gateway.command(organisation_id, run.device_id, DropPlan(plan_id=run.plan_id), timeout_s=5.0)
