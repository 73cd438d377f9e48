"""The courier: brings active grants to the devices that they name, and revocations after them, until each was told."""

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from sereno_proto.errors import SerenoError
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import OfferGrant, RevokeGrant, Signature
from sereno_server.app import now as server_clock
from sereno_server.grants import rows as grant_rows
from sereno_server.runs.parts import LATER, Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, grant_devices, grants

if TYPE_CHECKING:
    from sereno_server.app import App

POLL_S: Final = 15.0
AGAIN_AFTER: Final = timedelta(minutes=10)  # what a device refused may fit later: it is asked again until the end
AT_ONCE_MAX: Final = 16
_SETTLED: Final = frozenset({"E_GRANT_USED", "E_GRANT_EXPIRED", "E_GRANT_REVOKED"})
Place = tuple[str, str, str, str]  # organisation, grant, device, what is to be told: offer or revoke

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Works until cancelled; what was under way is found again in the rows."""
    with app.events.subscribe("grant", "device") as queue:
        while True:
            try:
                await deliver(app, server_clock)
            except (SQLAlchemyError, OSError) as error:
                log.warning("grants: the database is away: %s", str(error).partition("\n")[0])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await queue.get()
            while not queue.empty():
                queue.get_nowait()


async def deliver(app: Parts, clock: Clock) -> None:
    """One round: every connected device is told what it has not been told yet."""
    limit = asyncio.Semaphore(AT_ONCE_MAX)

    async def one(place: Place) -> None:
        async with limit:
            await _tell(app, place, clock)

    async with asyncio.TaskGroup() as tasks:
        for place in await due(app, clock()):
            tasks.create_task(one(place))


async def due(app: Parts, now: datetime) -> list[Place]:
    """What is to be told to devices that are connected."""
    ask_again = and_(grant_devices.c.state == "refused", grant_devices.c.at < now - AGAIN_AFTER)
    offer = and_(
        grants.c.state == "active", grants.c.not_before <= now, or_(grant_devices.c.state == "waiting", ask_again)
    )
    revoke = and_(grants.c.state == "revoked", grant_devices.c.state != "revoked")
    async with app.store.transaction(Scope.system()) as tx:
        result = await tx.execute(
            select(grants.c.organisation_id, grants.c.id, grant_devices.c.device_id, grants.c.state)
            .join(
                grant_devices,
                and_(
                    grant_devices.c.organisation_id == grants.c.organisation_id,
                    grant_devices.c.grant_id == grants.c.id,
                ),
            )
            .join(
                devices,
                and_(devices.c.organisation_id == grants.c.organisation_id, devices.c.id == grant_devices.c.device_id),
            )
            .where(grants.c.expires > now, devices.c.node.is_not(None), or_(offer, revoke))
            .order_by(grants.c.id)
        )
        return [(row[0], row[1], row[2], "revoke" if row[3] == "revoked" else "offer") for row in result]


async def _tell(app: Parts, place: Place, clock: Clock) -> None:
    organisation_id, grant_id, device_id, what = place
    async with app.store.transaction(Scope(organisation_id)) as tx:
        grant = await grant_rows.read(tx, organisation_id, grant_id)
        given = await grant_rows.given(tx, grant)
        run_id = await tx.scalar(select(grant_devices.c.run_id).where(*_at(place)))
    order: OfferGrant | RevokeGrant = RevokeGrant(grant_id=grant_id)
    if what == "offer":
        signatures = [Signature(person=person, purpose=purpose, armored=armored) for person, purpose, armored in given]
        order = OfferGrant(text=grant.text, signatures=signatures, run_id=str(run_id))
    values: dict[str, Any] = {"state": "revoked" if what == "revoke" else "taken", "code": None, "what": None}
    try:
        await app.gateway.command(organisation_id, device_id, order, timeout_s=WORKER_TIMEOUT_S)
    except SerenoError as error:
        if error.code in LATER:
            return
        if error.code not in _SETTLED:
            values = {"state": "refused", "code": error.code, "what": error.what}
    now = clock()
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await tx.execute(update(grant_devices).where(*_at(place)).values(**values, at=now))
        name = await tx.scalar(
            select(devices.c.name).where(devices.c.organisation_id == organisation_id, devices.c.id == device_id)
        )
        text = {
            "taken": f"{name} took {grant.playbook} in advance",
            "revoked": f"{name} forgot {grant.playbook} in advance",
        }.get(values["state"], f"{name} refused {grant.playbook} in advance: {values['what']} ({values['code']})")
        kind = "refused" if values["state"] == "refused" else "run"
        once = f"{grant_id} {device_id} {values['state']} {values['code'] or ''}"
        await grant_rows.tell_ticket(tx, grant, at=now, kind=kind, text=text, actor="device", once=once)
        await grant_rows.announce(tx, grant)


def _at(place: Place) -> tuple[Any, ...]:
    return (
        grant_devices.c.organisation_id == place[0],
        grant_devices.c.grant_id == place[1],
        grant_devices.c.device_id == place[2],
    )
