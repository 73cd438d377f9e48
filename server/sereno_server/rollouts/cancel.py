"""Cancelling a rollout: what waits never happens, what goes on ends before its next step."""

import contextlib

from sqlalchemy import select

from sereno_proto.errors import Refused, SerenoError
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.rollouts.watch import drop, end
from sereno_server.runs.cancel import cancel
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import rollouts, runs


async def cancel_rollout(
    app: Parts, account: Account, rollout_id: str, reason: str, *, clock: Clock = server_clock
) -> None:
    """Ends a rollout that goes on. Raises E_NOT_FOUND, E_FORBIDDEN, or E_CONFLICT when it is over."""
    organisation_id = account.organisation_id
    authorise(account, "deny", Object("rollout", organisation_id, rollout_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        of = (rollouts.c.organisation_id == organisation_id, rollouts.c.id == rollout_id)
        state = await tx.scalar(select(rollouts.c.state).where(*of).with_for_update())
        if state is None:
            raise Refused("E_NOT_FOUND", f"no rollout {rollout_id[:80]}")
        if state != "running":
            raise Refused("E_CONFLICT", f"the rollout is {state}")
        what = f"{account.name}: {reason}" if reason else f"{account.name} cancelled it"
        dropped = await end(tx, organisation_id, rollout_id, "cancelled", what, account.name, clock())
        of_runs = (runs.c.organisation_id == organisation_id, runs.c.rollout_id == rollout_id)
        going = await tx.execute(select(runs.c.id).where(*of_runs, runs.c.state == "executing"))
        under_way = going.scalars().all()
    await drop(app, dropped)
    for run_id in under_way:
        with contextlib.suppress(SerenoError):  # it is told on the run
            await cancel(app, account, run_id, reason, clock=clock)
