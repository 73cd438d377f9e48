"""Cancelling: a run that goes on ends before its next step, and its device undoes what was done where it can."""

from sereno_proto import limits
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.v1.runs_pb2 import CancelRun
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.runs import rows
from sereno_server.runs.deny import deny
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope

CANCEL_TIMEOUT_S = 10.0


async def cancel(app: Parts, account: Account, run_id: str, reason: str, *, clock: Clock = server_clock) -> None:
    """Ends a run: one that waits is denied, one that goes on is cancelled on its device.

    The run's end is what the device then tells. Raises E_NOT_FOUND, E_FORBIDDEN, E_CONFLICT when it is over,
    E_DEVICE_OFFLINE and E_TIMEOUT when the device cannot be told: then the run goes on, and may be cancelled again.
    """
    organisation_id = account.organisation_id
    authorise(account, "deny", Object("run", organisation_id, run_id))
    if len(reason) > limits.TEXT_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a reason has at most {limits.TEXT_CHARS_MAX} characters")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id)
    if run.state in {"planning", "planned"}:
        await deny(app, account, run_id, reason or "cancelled", clock=clock)
        return
    if run.state != "executing":
        raise Refused("E_CONFLICT", f"the run is over, it is {run.state}")
    payload = {"playbook": run.playbook, "reason": reason}
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await record(tx, organisation_id, account.name, "run.cancel", run_id, payload)
        text = f"{account.name} cancels {run.playbook}" + (f": {reason}" if reason else "")
        await rows.tell_ticket(tx, run, at=clock(), kind="refused", text=text, actor=account.name)
        await rows.announce(tx, run)
    try:
        await app.gateway.command(organisation_id, run.device_id, CancelRun(run_id=run_id), timeout_s=CANCEL_TIMEOUT_S)
    except SerenoError as error:
        async with app.store.transaction(Scope(organisation_id)) as tx:
            said = {"playbook": run.playbook, "code": error.code, "what": error.what}
            await record(tx, organisation_id, account.name, "run.cancel_failed", run_id, said)
            text = f"The device could not be told to cancel {run.playbook}: {error.what} ({error.code})"
            await rows.tell_ticket(tx, run, at=clock(), kind="refused", text=text, actor="server", code=error.code)
            await rows.announce(tx, run)
        raise
