"""Runs as rows: reading one, changing its state, and telling everybody who should know."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_proto.roster import Roster, read_roster
from sereno_proto.v1.runs_pb2 import Step
from sereno_server.audit.ledger import record
from sereno_server.desk.timeline import tell
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import devices, rosters, runs, signatures

LIVE: Final = frozenset({"planning", "planned", "executing"})
FINAL: Final = frozenset({"succeeded", "failed", "refused", "denied", "expired", "superseded"})


@dataclass(frozen=True)
class Run:
    """A run as stored."""

    organisation_id: str
    id: str
    ticket_id: str | None
    device_id: str
    playbook: str
    requester: str
    state: str
    steps: Any
    plan_id: str | None
    plan_text: bytes | None
    created_at: datetime
    expires_at: datetime | None
    code: str | None
    rollout_id: str | None = None
    ring: int | None = None


async def read(tx: AsyncConnection, organisation_id: str, run_id: str, *, lock: bool = False) -> Run:
    """One run of this organisation; raises E_NOT_FOUND. lock: nobody else changes it until the transaction ends."""
    names = list(Run.__dataclass_fields__)
    query = select(*(runs.c[name] for name in names)).where(
        runs.c.organisation_id == organisation_id, runs.c.id == run_id
    )
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    if row is None:
        raise Refused("E_NOT_FOUND", f"no run {run_id[:80]}")
    return Run(**row)


async def move(
    tx: AsyncConnection,
    run: Run,
    state: str,
    *,
    from_states: Collection[str],
    actor: str,
    payload: Mapping[str, object] | None = None,
    **values: Any,
) -> bool:
    """Moves a run to another state with its ledger row and event; tells whether it was in one of from_states."""
    changed = await tx.scalar(
        update(runs)
        .where(runs.c.organisation_id == run.organisation_id, runs.c.id == run.id, runs.c.state.in_(list(from_states)))
        .values(state=state, **values)
        .returning(runs.c.id)
    )
    if changed is None:
        return False
    said = {key: values[key] for key in ("code", "what", "plan_id", "plan_digest", "risk") if values.get(key)}
    await record(tx, run.organisation_id, actor, f"run.{state}", run.id, {**said, **(payload or {})})
    await announce(tx, run)
    return True


async def announce(tx: AsyncConnection, run: Run) -> None:
    """Tells pages and desk that the run, and so its ticket, changed."""
    await emit(tx, Event("run", run.organisation_id, run.id, run.device_id))
    if run.ticket_id is not None:
        await emit(tx, Event("ticket", run.organisation_id, run.ticket_id, run.device_id))


async def tell_ticket(  # one line on the timeline of the run's ticket, where it has one
    tx: AsyncConnection,
    run: Run,
    *,
    at: datetime,
    kind: str,
    text: str,
    actor: str,
    once: str = "",
    **detail: object,
) -> None:
    """Puts a line on the timeline of the run's ticket; a run without a ticket has its ledger rows only."""
    if run.ticket_id is not None:
        await tell(
            tx,
            run.organisation_id,
            run.ticket_id,
            at=at,
            kind=kind,
            text=text,
            actor=actor,
            detail={"run": run.id, **detail},
            once=once,
        )


async def newest_roster(tx: AsyncConnection, organisation_id: str) -> Roster:
    """The server's copy of the newest roster; raises E_ROSTER_MISSING. The device decides on its own copy."""
    text = await tx.scalar(
        select(rosters.c.roster_text)
        .where(rosters.c.organisation_id == organisation_id)
        .order_by(rosters.c.version.desc())
        .limit(1)
    )
    if text is None:
        raise Refused("E_ROSTER_MISSING", "this organisation has no roster yet", "publish one: `sereno roster publish`")
    return read_roster(text)


async def given(tx: AsyncConnection, run: Run) -> list[tuple[str, str, str]]:
    """The signatures on a run's plan as (person, purpose, armored SSHSIG), the oldest first."""
    rows = await tx.execute(
        select(signatures.c.person, signatures.c.purpose, signatures.c.armored)
        .where(signatures.c.organisation_id == run.organisation_id, signatures.c.run_id == run.id)
        .order_by(signatures.c.at, signatures.c.person)
    )
    return [(row.person, row.purpose, row.armored) for row in rows]


async def device_name(tx: AsyncConnection, run: Run) -> str:
    """What the ledger calls the device."""
    query = select(devices.c.name).where(
        devices.c.organisation_id == run.organisation_id, devices.c.id == run.device_id
    )
    return f"device:{await tx.scalar(query)}"


def steps_to_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Compiled steps the way the row holds them."""
    return [MessageToDict(step, preserving_proto_field_name=True) for step in steps]


def steps_from_json(steps: Sequence[Any]) -> list[Step]:
    """The steps of a row as they travel."""
    return [ParseDict(step, Step()) for step in steps]
