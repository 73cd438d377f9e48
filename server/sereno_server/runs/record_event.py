"""What a device says about a run, as it arrives through the spool: once each, also when it is told twice."""

from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import CATALOGUE, BadInput, Refused
from sereno_proto.ids import digest_id
from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_proto.v1.runs_pb2 import RunEvent, RunState
from sereno_server.audit.ledger import record, words
from sereno_server.desk.findings import keep_findings
from sereno_server.grants.began import begin
from sereno_server.runs import rows
from sereno_server.store.tables import run_events

ENDS: Final = {"succeeded": "succeeded", "failed": "failed", "refused": "refused"}
# What the device did is what counts: a run that the server had given up is put right by what happened.
OPEN: Final = frozenset({"planned", "executing", "expired", "denied", "superseded"})
YEAR_3000_MS: Final = 32_503_680_000_000


class Reporter(Protocol):
    """The connected device, as its certificate names it."""

    @property
    def organisation_id(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


async def store_run_event(tx: AsyncConnection, device: Reporter, up: Up) -> list[Problem]:
    """Keeps one event, moves its run, and tells ticket and ledger; gives what was refused of it.

    Only a run's own device is heard about it, and only about the plan that it issued for that run.
    """
    event = up.run_event
    try:
        if event.grant_id and event.state == RunState.RUN_STATE_STARTED:
            await begin(tx, device.organisation_id, device.id, event)
        run = await rows.read(tx, device.organisation_id, event.run_id, lock=True)
        _check(run, device, event)
    except (Refused, BadInput) as error:
        return [Problem(sequence=up.sequence, code=error.code, what=error.what, remedy=error.remedy)]
    event_id = identity(device.id, event)
    state = _state(event)
    inserted = await tx.scalar(
        insert(run_events)
        .values(
            organisation_id=run.organisation_id,
            id=event_id,
            run_id=run.id,
            at=_when(event.time_ms),
            step=event.step,
            state=state,
            what=_line(event.what),
            code=_line(event.code),
            ledger_digest=_line(event.ledger_digest),
        )
        .on_conflict_do_nothing()
        .returning(run_events.c.id)
    )
    if inserted is None:
        return []  # told twice; what follows from it was written with the first
    now: datetime = (await tx.execute(select(func.now()))).scalar_one()
    kept: dict[str, Any] = {"at": now, "key": event_id, "ticket_id": run.ticket_id, "run_id": run.id}
    await keep_findings(tx, run.organisation_id, run.device_id, event.findings, **kept)
    await _move(tx, device, run, event)
    if state == "step_started":  # its end is told on the timeline; that it began, the run's own list shows
        return []
    detail = {"state": state, "step": event.step, "code": event.code, "device_ledger": event.ledger_digest}
    kind = {"succeeded": "verified", "refused": "refused"}.get(state, "run")
    text = _sentence(run, event, state)
    await rows.tell_ticket(tx, run, at=now, kind=kind, text=text, actor="device", once=event_id, **detail)
    return []


def identity(device_id: str, event: RunEvent) -> str:
    """The event's own id, (plan, index) of its device: what a device tells again from its journal gives the same."""
    parts: tuple[object, ...] = (device_id, event.run_id, event.plan_id, event.index)
    if not event.index:
        parts = (*parts, event.state, event.step, event.time_ms, event.ledger_digest)
    return digest_id("rev", "\n".join(map(str, parts)).encode("utf-8", "replace"))


def _check(run: rows.Run, device: Reporter, event: RunEvent) -> None:
    if run.device_id != device.id:
        raise Refused("E_NOT_FOUND", "this device has no such run")  # whether another has is not its business
    if event.plan_id and event.plan_id != run.plan_id:
        raise Refused("E_PLAN_UNKNOWN", "the event is about another plan than the run's")
    if event.step > limits.STEPS_MAX or len(event.findings) > limits.FINDINGS_MAX:
        raise Refused("E_LIMIT", "an event with too many steps or findings")
    if not _state(event):
        raise Refused("E_BAD_REQUEST", "an event without a state")


async def _move(tx: AsyncConnection, device: Reporter, run: rows.Run, event: RunEvent) -> None:
    """Moves the run, or where its state stays as it is, writes the ledger's row for the event alone.

    A refusal because the plan was carried out before says nothing against the first time.
    """
    actor, state = f"device:{device.name}", _state(event)
    target = ENDS.get(state, "executing")
    values: dict[str, Any] = {}
    if state in ENDS:
        values = {"finished_at": func.now(), "code": _line(event.code) or None, "what": _line(event.what) or None}
    payload = {"plan": run.plan_id, "device_ledger": event.ledger_digest}
    again = target == run.state or event.code == "E_PLAN_REPLAYED"
    if again or not await rows.move(tx, run, target, from_states=OPEN, actor=actor, payload=payload, **values):
        said = {**payload, "step": event.step, "what": _line(event.what), "code": event.code}
        await record(tx, run.organisation_id, actor, f"run.{state}", run.id, said)
        await rows.announce(tx, run)


def _sentence(run: rows.Run, event: RunEvent, state: str) -> str:
    what = _line(event.what) or state.replace("_", " ")
    if event.step:
        return f"Step {event.step} {state.removeprefix('step_')}: {what}"
    known = CATALOGUE.get(event.code)
    ending = f" ({event.code}). {known.remedy[:1].upper()}{known.remedy[1:]}" if known else ""
    return f"{run.playbook} {state}{ending}" if what == run.playbook else f"{run.playbook} {state}: {what}{ending}"


def _state(event: RunEvent) -> str:
    """`step_done`; "" for what this server does not know."""
    known = event.state in RunState.values() and event.state != RunState.RUN_STATE_UNSPECIFIED
    return RunState.Name(event.state).removeprefix("RUN_STATE_").lower() if known else ""


def _line(text: str) -> str:
    return words(text)[: limits.TEXT_CHARS_MAX]


def _when(time_ms: int) -> datetime:
    """The device's time, kept within what a calendar can hold."""
    return datetime.fromtimestamp(min(max(time_ms, 0), YEAR_3000_MS) / 1000, UTC)
