"""Checks that run by themselves: read-only, on the device, their findings on the ticket."""

from sereno_proto.errors import Refused, SerenoError
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import CheckResult, Finding
from sereno_server.audit.ledger import record
from sereno_server.desk.decide import DoCheck
from sereno_server.desk.facts import Facts
from sereno_server.desk.findings import keep_findings
from sereno_server.desk.timeline import tell
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit

LATER = frozenset({"E_DEVICE_OFFLINE", "E_OVERLOADED"})  # no answer in time is an answer: checks do not wait twice


async def run_check(app: Parts, facts: Facts, step: DoCheck, clock: Clock) -> None:
    """Has the device run one check and keeps its findings, or tells why there are none. Raises what is in LATER.

    A check only reads, so one whose findings were lost to a crash is simply run again.
    """
    try:
        reply = await app.gateway.command(
            facts.organisation_id, facts.device_id, step.check, timeout_s=WORKER_TIMEOUT_S
        )
        if reply.WhichOneof("body") != "check_result":
            raise Refused("E_WORKER_FAILED", "the device did not answer with findings")
        await _keep(app, facts, step, reply.check_result, clock)
    except SerenoError as error:
        if error.code in LATER:
            raise
        await _refused(app, facts, step, error, clock)


async def _keep(app: Parts, facts: Facts, step: DoCheck, result: CheckResult, clock: Clock) -> None:
    organisation_id, ticket_id, now = facts.organisation_id, facts.ticket_id, clock()
    name = step.check.check
    worst = max(result.findings, key=lambda finding: finding.severity, default=Finding(title="nothing to report"))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        told = await tell(
            tx,
            organisation_id,
            ticket_id,
            at=now,
            kind="check",
            text=f"{name}: {worst.title}",
            actor="device",
            detail={"mark": step.mark, "check": name, "findings": len(result.findings)},
            once=step.mark,
        )
        if not told:
            return
        await keep_findings(
            tx,
            organisation_id,
            facts.device_id,
            result.findings,
            at=now,
            key=f"{ticket_id}\n{step.mark}",
            ticket_id=ticket_id,
            duration_ms=result.duration_ms,
        )
        payload = {"check": name, "parameters": dict(step.check.parameters), "findings": len(result.findings)}
        await record(tx, organisation_id, "server", "check.run", ticket_id, payload)
        await emit(tx, Event("ticket", organisation_id, ticket_id, facts.device_id))


async def _refused(app: Parts, facts: Facts, step: DoCheck, error: SerenoError, clock: Clock) -> None:
    organisation_id, ticket_id = facts.organisation_id, facts.ticket_id
    async with app.store.transaction(Scope(organisation_id)) as tx:
        told = await tell(
            tx,
            organisation_id,
            ticket_id,
            at=clock(),
            kind="refused",
            text=f"{step.check.check}: {error.what} ({error.code}). {error.remedy}",
            actor="device",
            detail={"mark": step.mark, "check": step.check.check, "code": error.code},
            once=step.mark,
        )
        if told:
            payload = {"check": step.check.check, "code": error.code, "what": error.what}
            await record(tx, organisation_id, "server", "check.refused", ticket_id, payload)
            await emit(tx, Event("ticket", organisation_id, ticket_id, facts.device_id))
