"""Asking for a run: a person's request, or the desk's proposal, which is nobody's."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_proto.ids import new_id
from sereno_proto.roster import NOBODY
from sereno_proto.v1.runs_pb2 import Step
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.desk.suggest import complete
from sereno_server.desk.timeline import tell
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, runs, tickets


async def request_run(  # noqa: PLR0917  the contract with API and pages
    app: Parts,
    account: Account,
    device_id: str,
    ticket_id: str | None,
    playbook: str,
    parameters: Mapping[str, str] | None = None,
    *,
    clock: Clock = server_clock,
) -> str:
    """Asks for a run in a person's name and gives its id. The device's plan follows; then it waits for signatures.

    parameters: None or incomplete takes what the ticket's evidence says. Raises E_NOT_FOUND, E_FORBIDDEN,
    E_REQUESTER_UNKNOWN (not on the roster, so the device would refuse), E_PLAYBOOK_UNKNOWN, E_PARAMETER, and
    E_CONFLICT while the ticket is closed or a run is under way.
    """
    organisation_id = account.organisation_id
    authorise(account, "request_run", Object("device", organisation_id, device_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await require_device(tx, organisation_id, device_id)
        roster = await rows.newest_roster(tx, organisation_id)
        if roster.person(account.name) is None:
            raise Refused("E_REQUESTER_UNKNOWN", f"{account.name} is not on roster {roster.version}")
        if ticket_id is not None:
            await require_ticket(tx, organisation_id, ticket_id, device_id)
            parameters = await complete(tx, organisation_id, ticket_id, playbook, parameters, clock)
        steps = compile_playbook(playbook, parameters or {})
        run_id = await insert_run(
            tx,
            organisation_id,
            device_id=device_id,
            ticket_id=ticket_id,
            playbook=playbook,
            requester=account.name,
            steps=steps,
            at=clock(),
        )
        assert run_id is not None  # only the server's own proposals are one at a time
        return run_id


async def insert_run(
    tx: AsyncConnection,
    organisation_id: str,
    *,
    device_id: str,
    ticket_id: str | None,
    playbook: str,
    requester: str,
    steps: Sequence[Step],
    at: datetime,
    rollout_id: str | None = None,
    ring: int | None = None,
) -> str | None:
    """Writes a run that waits for its plan. None when the server proposes something for this ticket already."""
    run_id = new_id("run")
    inserted = await tx.scalar(
        insert(runs)
        .values(
            organisation_id=organisation_id,
            id=run_id,
            ticket_id=ticket_id,
            device_id=device_id,
            playbook=playbook,
            requester=requester,
            state="planning",
            steps=rows.steps_to_json(steps),
            created_at=at,
            rollout_id=rollout_id,
            ring=ring,
        )
        .on_conflict_do_nothing()
        .returning(runs.c.id)
    )
    if inserted is None:
        return None
    payload = {"playbook": playbook, "device": device_id, "ticket": ticket_id or ""}
    await record(tx, organisation_id, requester, "run.request", run_id, payload)
    await emit(tx, Event("run", organisation_id, run_id, device_id))
    if ticket_id is not None and requester != NOBODY:
        await tell(
            tx,
            organisation_id,
            ticket_id,
            at=at,
            kind="requested",
            text=f"{requester} asks for {playbook}",
            actor=requester,
            detail={"run": run_id},
        )
    return run_id


async def require_device(tx: AsyncConnection, organisation_id: str, device_id: str) -> None:
    known = await tx.scalar(
        select(devices.c.id).where(
            devices.c.organisation_id == organisation_id, devices.c.id == device_id, devices.c.revoked_at.is_(None)
        )
    )
    if known is None:
        raise Refused("E_NOT_FOUND", f"no device {device_id[:80]}")


async def require_ticket(tx: AsyncConnection, organisation_id: str, ticket_id: str, device_id: str) -> None:
    of_ticket = (tickets.c.organisation_id == organisation_id, tickets.c.id == ticket_id)
    found = (await tx.execute(select(tickets.c.state, tickets.c.device_id).where(*of_ticket))).first()
    if found is None or found.device_id != device_id:
        raise Refused("E_NOT_FOUND", f"no ticket {ticket_id[:80]} of this device")
    if found.state != "open":
        raise Refused("E_CONFLICT", f"the ticket is {found.state}")
    running = await tx.scalar(
        select(runs.c.id).where(
            runs.c.organisation_id == organisation_id, runs.c.ticket_id == ticket_id, runs.c.state == "executing"
        )
    )
    if running is not None:
        raise Refused("E_CONFLICT", f"{running} is being carried out", "wait for its end")
