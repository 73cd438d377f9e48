"""Beginning a rollout: a run for each device that is there, which its device plans and people sign like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import new_id
from sereno_proto.limits import ROLLOUT_PAUSE_S_MAX, ROLLOUT_RINGS_MAX
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.rollouts.choose import Chosen, Target, choose
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.runs.request import insert_run
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import rollouts

PAUSE_S = 60


@dataclass(frozen=True)
class Wish:
    """What is asked for. rings: how many devices the first rings have; all others are in one more.

    failures_max: so many runs may fail before it stops. pause_s: how long devices are watched between rings.
    """

    playbook: str
    target: Target
    parameters: Mapping[str, str] = field(default_factory=dict)
    rings: Sequence[int] = (1,)
    failures_max: int = 0
    pause_s: int = PAUSE_S


@dataclass(frozen=True)
class Begun:
    """What was begun. offline: devices that get no plan; their names, to be queued for with a grant."""

    rollout_id: str
    runs: int
    offline: tuple[str, ...]


async def begin_rollout(app: Parts, account: Account, wish: Wish, *, clock: Clock = server_clock) -> Begun:
    """Begins a rollout in a person's name.

    Raises E_FORBIDDEN, E_REQUESTER_UNKNOWN, E_PLAYBOOK_UNKNOWN, E_PARAMETER, E_NOT_FOUND, E_LIMIT, and
    E_DEVICE_OFFLINE when none of the devices is there.
    """
    organisation_id = account.organisation_id
    authorise(account, "request_run", Object("rollout", organisation_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        roster = await rows.newest_roster(tx, organisation_id)
        if roster.person(account.name) is None:
            raise Refused("E_REQUESTER_UNKNOWN", f"{account.name} is not on roster {roster.version}")
        found = await choose(tx, organisation_id, wish.target)
        return await begin(tx, organisation_id, account.name, wish, found, clock=clock)


async def begin(
    tx: AsyncConnection,
    organisation_id: str,
    requester: str,
    wish: Wish,
    found: Sequence[Chosen],
    *,
    clock: Clock,
    schedule_id: str | None = None,
) -> Begun:
    """Writes the rollout and its runs; raises as `begin_rollout` does."""
    _check(wish)
    there = [one for one in found if one.online]
    if not there:
        raise Refused("E_DEVICE_OFFLINE", f"none of {len(found)} devices is there", "queue it: sereno grants queue")
    steps = compile_playbook(wish.playbook, wish.parameters)
    places = rings_of(len(there), wish.rings)
    rollout_id, now = new_id("rlt"), clock()
    await tx.execute(
        insert(rollouts).values(
            organisation_id=organisation_id,
            id=rollout_id,
            playbook=wish.playbook,
            requester=requester,
            parameters=dict(wish.parameters),
            target=wish.target.words,
            ring=0,
            rings=places[-1] + 1,
            pause_s=wish.pause_s,
            failures_max=wish.failures_max,
            state="running",
            schedule_id=schedule_id,
            created_at=now,
        )
    )
    payload = {"playbook": wish.playbook, "target": wish.target.words, "devices": len(there), "rings": places[-1] + 1}
    await record(tx, organisation_id, requester, "rollout.request", rollout_id, payload)
    for device, ring in zip(there, places, strict=True):
        await insert_run(
            tx,
            organisation_id,
            device_id=device.id,
            ticket_id=None,
            playbook=wish.playbook,
            requester=requester,
            steps=steps,
            at=now,
            rollout_id=rollout_id,
            ring=ring,
        )
    await emit(tx, Event("rollout", organisation_id, rollout_id))
    return Begun(rollout_id, len(there), tuple(one.name for one in found if not one.online))


def rings_of(count: int, sizes: Sequence[int]) -> list[int]:
    """The ring of each of `count` devices: the first rings have these sizes, the last has the rest."""
    places: list[int] = []
    for ring, size in enumerate(sizes):
        places += [ring] * min(size, count - len(places))
    return places + [places[-1] + 1 if places else 0] * (count - len(places))


def _check(wish: Wish) -> None:
    if len(wish.rings) >= ROLLOUT_RINGS_MAX or any(size < 1 for size in wish.rings):
        raise BadInput("E_PARAMETER", f"at most {ROLLOUT_RINGS_MAX} rings of at least one device")
    if wish.failures_max < 0 or not 0 <= wish.pause_s <= ROLLOUT_PAUSE_S_MAX:
        raise BadInput("E_PARAMETER", f"failures from 0 on, and a pause of at most {ROLLOUT_PAUSE_S_MAX} s")
