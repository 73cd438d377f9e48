"""The courier: brings active grants to the devices that they name, and revocations after them, until each was told.

Of what was not carried out in time it says so.
"""

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from sereno_proto.errors import SerenoError
from sereno_proto.grants import BOUNDS
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import OfferGrant, RevokeGrant, Signature
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.grants import rows as grant_rows
from sereno_server.runs.parts import LATER, Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, grant_devices, grants, runs

if TYPE_CHECKING:
    from sereno_server.app import App

POLL_S: Final = 5.0
REST_S: Final = 1.0  # a device that could not take one now is not asked again before
AGAIN_AFTER: Final = timedelta(minutes=10)  # what a device refused may fit later: it is asked again until the end
AT_ONCE_MAX: Final = 32
_SETTLED: Final = frozenset({"E_GRANT_USED", "E_GRANT_REVOKED"})
_DECLINED: Final = frozenset({"E_OVERLOADED", "E_RUN_BUSY"})  # the device itself said that it did nothing
AFTERWARDS: Final = timedelta(days=7)  # how long a device is asked what became of an offer
_PAUSE_S: Final = 0.2  # so that a storm of events makes few rounds
KINDS: Final = ("grant", "device", "run")


class Place(NamedTuple):
    """Something that one device is to be told: `offer` or `revoke`."""

    organisation_id: str
    grant_id: str
    device_id: str
    what: str


log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Works until cancelled; what was under way is found again in the rows."""
    courier = Courier(app, server_clock)
    with app.events.subscribe(*KINDS) as queue:
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await courier.round(tasks)
                except (SQLAlchemyError, OSError) as error:
                    log.warning("grants: the database is away: %s", _line(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S if not courier.resting else REST_S):
                        await queue.get()
                await asyncio.sleep(_PAUSE_S)
                while not queue.empty():
                    queue.get_nowait()


async def deliver(app: Parts, clock: Clock) -> None:
    """One round to its end: every connected device is told what it has not been told yet."""
    async with asyncio.TaskGroup() as tasks:
        await Courier(app, clock).round(tasks)


class Courier:
    """Serves every device by itself, one grant after the other: one that does not answer keeps nobody waiting."""

    def __init__(self, app: Parts, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._busy: set[tuple[str, str]] = set()
        self._rests: dict[tuple[str, str], datetime] = {}
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    @property
    def resting(self) -> bool:
        """Whether a device is to be asked again soon."""
        return bool(self._rests)

    async def round(self, tasks: asyncio.TaskGroup) -> None:
        """Ends what is over, and begins to serve each connected device that nobody serves and that does not rest."""
        now = self._clock()
        await expire(self._app, now)
        self._rests = {device: until for device, until in self._rests.items() if until > now}
        by_device: dict[tuple[str, str], list[Place]] = {}
        for place in await due(self._app, now):
            by_device.setdefault((place.organisation_id, place.device_id), []).append(place)
        for device, places in by_device.items():
            if device not in self._busy and device not in self._rests:
                self._busy.add(device)
                tasks.create_task(self._serve(device, places))

    async def _serve(self, device: tuple[str, str], places: list[Place]) -> None:
        try:
            async with self._places:
                for place in places:
                    if not await _tell(self._app, place, self._clock):
                        self._rests[device] = self._clock() + timedelta(seconds=REST_S)
                        return
        except (SQLAlchemyError, OSError) as error:
            log.warning("grants: %s: %s", device[1], _line(error))
        except SerenoError as error:  # the grant or the device is gone by now
            log.warning("grants: %s: %s", device[1], error)
        finally:
            self._busy.discard(device)


async def expire(app: Parts, now: datetime) -> None:
    """Says of bounds whose window is over, on each device that did not take them, that they were not carried out.

    Where an offer was never answered nobody can say so: the device is asked when it comes back.
    """
    async with app.store.transaction(Scope.system()) as tx:
        result = await tx.execute(
            update(grant_devices)
            .where(
                grants.c.organisation_id == grant_devices.c.organisation_id,
                grants.c.id == grant_devices.c.grant_id,
                grants.c.kind == BOUNDS,
                grants.c.state == "active",
                grants.c.expires <= now,
                grant_devices.c.state.in_(("waiting", "refused")),
                devices.c.organisation_id == grant_devices.c.organisation_id,
                devices.c.id == grant_devices.c.device_id,
                ~exists().where(
                    runs.c.organisation_id == grants.c.organisation_id, runs.c.id == grant_devices.c.run_id
                ),
            )
            .values(state="expired", at=now)
            .returning(grants.c.organisation_id, grants.c.id, devices.c.name, grant_devices.c.code)
        )
        for row in result.all():
            grant = await grant_rows.read(tx, row.organisation_id, row.id)
            why = f": the device refused it with {row.code}" if row.code else ": the device did not come in time"
            payload = {"device": row.name, "playbook": grant.playbook, "code": row.code or "E_GRANT_EXPIRED"}
            await record(tx, row.organisation_id, "server", "grant.not_run", row.id, payload)
            text = f"{grant.playbook} was not carried out on {row.name}{why}"
            once = f"{row.id} {row.name} expired"
            await grant_rows.tell_ticket(tx, grant, at=now, kind="run", text=text, actor="server", once=once)
            await grant_rows.announce(tx, grant)


async def due(app: Parts, now: datetime) -> list[Place]:
    """What is to be told to devices that are connected."""
    ask_again = and_(grant_devices.c.state == "refused", grant_devices.c.at < now - AGAIN_AFTER)
    offer = and_(
        grants.c.state == "active",
        grants.c.not_before <= now,
        or_(
            grant_devices.c.state == "offered",  # also when its time is over: the device knows what became of it
            and_(grants.c.expires > now, or_(grant_devices.c.state == "waiting", ask_again)),
        ),
    )
    revoke = and_(grants.c.state == "revoked", grant_devices.c.state != "revoked", grants.c.expires > now)
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
            .where(grants.c.expires > now - AFTERWARDS, devices.c.node.is_not(None), or_(offer, revoke))
            .order_by(grants.c.expires, grants.c.id)  # what ends first goes first
        )
        return [Place(row[0], row[1], row[2], "revoke" if row[3] == "revoked" else "offer") for row in result]


async def _tell(app: Parts, place: Place, clock: Clock) -> bool:
    """Tells a device one thing and keeps its answer; False when now is not the time to tell it more."""
    organisation_id, grant_id, device_id, what = place
    async with app.store.transaction(Scope(organisation_id)) as tx:
        grant = await grant_rows.read(tx, organisation_id, grant_id)
        given = await grant_rows.given(tx, grant)
        run_id = await tx.scalar(select(grant_devices.c.run_id).where(*_at(place)))
        if what == "offer":  # from here on, silence does not mean that it was not carried out
            await tx.execute(update(grant_devices).where(*_at(place)).values(state="offered"))
    order: OfferGrant | RevokeGrant = RevokeGrant(grant_id=grant_id)
    if what == "offer":
        signatures = [Signature(person=person, purpose=purpose, armored=armored) for person, purpose, armored in given]
        order = OfferGrant(text=grant.text, signatures=signatures, run_id=str(run_id))
    values: dict[str, Any] = {"state": "revoked" if what == "revoke" else "taken", "code": None, "what": None}
    try:
        await app.gateway.command(organisation_id, device_id, order, timeout_s=WORKER_TIMEOUT_S)
    except SerenoError as error:
        if error.code in LATER:
            if what == "offer" and error.code in _DECLINED:
                async with app.store.transaction(Scope(organisation_id)) as tx:
                    await tx.execute(update(grant_devices).where(*_at(place)).values(state="waiting"))
            return False
        if error.code == "E_GRANT_EXPIRED":
            values = {"state": "expired", "code": error.code, "what": error.what}
        elif error.code not in _SETTLED:
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
            "expired": f"{grant.playbook} was not carried out on {name}: its time was over",
        }.get(values["state"], f"{name} refused {grant.playbook} in advance: {values['what']} ({values['code']})")
        kind = "refused" if values["state"] == "refused" else "run"
        once = f"{grant_id} {device_id} {values['state']} {values['code'] or ''}"
        await grant_rows.tell_ticket(tx, grant, at=now, kind=kind, text=text, actor="device", once=once)
        await grant_rows.announce(tx, grant)
    return True


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _at(place: Place) -> tuple[Any, ...]:
    return (
        grant_devices.c.organisation_id == place[0],
        grant_devices.c.grant_id == place[1],
        grant_devices.c.device_id == place[2],
    )
