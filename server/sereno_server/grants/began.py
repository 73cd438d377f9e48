"""A run that a device began under a grant: its row is made from the plan that the device itself wrote.

A device may only tell of grants that name it and that people signed here; what it then says of the run is heard like
any other run's events.
"""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.plan import read_plan
from sereno_proto.v1.runs_pb2 import RunEvent
from sereno_server.audit.ledger import record
from sereno_server.grants import rows as grant_rows
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import grant_devices, runs


async def begin(tx: AsyncConnection, organisation_id: str, device_id: str, event: RunEvent) -> None:
    """Makes the run's row, once. Raises E_NOT_FOUND, E_GRANT_DEVICE, E_PLAN_DEVICE, E_PLAN_CHANGED or E_DOCUMENT."""
    grant = await grant_rows.read(tx, organisation_id, event.grant_id)
    named = await tx.scalar(
        select(grant_devices.c.device_id).where(
            grant_devices.c.organisation_id == organisation_id,
            grant_devices.c.grant_id == grant.id,
            grant_devices.c.device_id == device_id,
        )
    )
    if named is None:
        raise Refused("E_GRANT_DEVICE", f"{grant.id} does not name this device")
    plan = read_plan(event.plan_text)
    if plan.device_id != device_id or plan.organisation_id != organisation_id:
        raise Refused("E_PLAN_DEVICE", f"the plan names {plan.device_id}")
    if (plan.run_id, plan.id, plan.playbook, plan.requester) != (
        event.run_id,
        event.plan_id,
        grant.playbook,
        grant.requester,
    ):
        raise Refused("E_PLAN_CHANGED", "the plan is not one under that grant")
    now = (await tx.execute(select(func.now()))).scalar_one()
    made = await tx.scalar(
        insert(runs)
        .values(
            organisation_id=organisation_id,
            id=event.run_id,
            ticket_id=grant.ticket_id,
            grant_id=grant.id,
            device_id=device_id,
            playbook=plan.playbook,
            requester=plan.requester,
            state="planned",
            steps=[],
            plan_id=plan.id,
            plan_text=event.plan_text,
            plan_digest=sha256(event.plan_text),
            risk=plan.risk,
            created_at=now,
            planned_at=now,
            expires_at=plan.expires,
        )
        .on_conflict_do_nothing()
        .returning(runs.c.id)
    )
    if made is not None:
        await tx.execute(
            update(grant_devices)
            .where(
                grant_devices.c.organisation_id == organisation_id,
                grant_devices.c.grant_id == grant.id,
                grant_devices.c.device_id == device_id,
                grant_devices.c.state != "revoked",
            )
            .values(state="taken", code=None, what=None)
        )
        payload = {"grant": grant.id, "plan": plan.id, "digest": sha256(event.plan_text)}
        await record(tx, organisation_id, f"device:{plan.device_name}", "run.granted", event.run_id, payload)
        await emit(tx, Event("run", organisation_id, event.run_id, device_id))
