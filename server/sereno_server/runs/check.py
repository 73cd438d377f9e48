"""Running a check by hand: asked in a person's name, its findings kept, and both told by the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_diagnostics import registry
from sereno_diagnostics.parameters import NAMED, bind
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.ids import new_id
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import CheckResult, RunCheck
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.desk.findings import keep_findings
from sereno_server.desk.timeline import tell
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.request import require_device, require_ticket
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit


@dataclass(frozen=True)
class Asked:
    """A check on one device, by names of that device's policy; for a ticket, or for none."""

    device_id: str
    check: str
    parameters: Mapping[str, str]
    ticket_id: str | None = None


async def run_check(app: Parts, account: Account, asked: Asked, *, clock: Clock = server_clock) -> CheckResult:
    """Has the device run a check now and gives what it found.

    Raises E_FORBIDDEN, E_NOT_FOUND, E_CHECK_UNKNOWN, E_PARAMETER before anything is sent; E_DEVICE_OFFLINE, E_TIMEOUT,
    E_OVERLOADED, or the device's own refusal (E_OUTSIDE_POLICY, E_LOCKDOWN, E_WORKER_LIMIT ...) after.
    """
    organisation_id = account.organisation_id
    authorise(account, "run_check", Object("device", organisation_id, asked.device_id))
    bind(asked.check, registry.get(asked.check).PARAMETERS, asked.parameters)
    check_id = new_id("chk")
    payload = {"check": asked.check, "parameters": dict(asked.parameters), "id": check_id}
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await require_device(tx, organisation_id, asked.device_id)
        if asked.ticket_id is not None:
            await require_ticket(tx, organisation_id, asked.ticket_id, asked.device_id)
        await record(tx, organisation_id, account.name, "check.ask", asked.device_id, payload)
    try:
        order = RunCheck(check=asked.check, parameters=asked.parameters)
        reply = await app.gateway.command(organisation_id, asked.device_id, order, timeout_s=WORKER_TIMEOUT_S + 5)
        if reply.WhichOneof("body") != "check_result":
            raise Refused("E_WORKER_FAILED", "the device did not answer with findings")
    except SerenoError as error:
        async with app.store.transaction(Scope(organisation_id)) as tx:
            refusal = {**payload, "code": error.code, "what": error.what}
            await record(tx, organisation_id, account.name, "check.refused", asked.device_id, refusal)
        raise
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await _keep(tx, account, asked, check_id, reply.check_result, clock)
    return reply.check_result


async def _keep(  # noqa: PLR0917  who asked what, and what came
    tx: AsyncConnection, account: Account, asked: Asked, check_id: str, result: CheckResult, clock: Clock
) -> None:
    organisation_id, at = account.organisation_id, clock()
    await keep_findings(
        tx,
        organisation_id,
        asked.device_id,
        result.findings,
        at=at,
        key=check_id,
        ticket_id=asked.ticket_id,
        duration_ms=result.duration_ms,
    )
    payload = {"check": asked.check, "id": check_id, "findings": len(result.findings)}
    await record(tx, organisation_id, account.name, "check.run", asked.ticket_id or asked.device_id, payload)
    if asked.ticket_id is not None:
        worst = max(result.findings, key=lambda finding: finding.severity, default=None)
        await tell(
            tx,
            organisation_id,
            asked.ticket_id,
            at=at,
            kind="check",
            text=f"{asked.check}: {worst.title if worst else 'nothing to report'}",
            actor=account.name,
            detail={"check": asked.check, "findings": len(result.findings)},
        )
        await emit(tx, Event("ticket", organisation_id, asked.ticket_id, asked.device_id))


def offered(check: str, names: list[str]) -> dict[str, list[str]]:
    """For each parameter that is a name of the policy, those that the device has told."""
    by_kind: dict[str, list[str]] = {}
    for told in names:
        kind, _, name = told.partition(" ")
        by_kind.setdefault(kind, []).append(name)
    parameters = registry.get(check).PARAMETERS
    return {one.name: by_kind.get(one.kind, []) for one in parameters if one.kind in NAMED}
