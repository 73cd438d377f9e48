"""Whom to tell, when, and that it was done: rows, so that a restart tells nobody twice that was told already.

Each request is told to the persons who may approve it and have a contact, each after their own delay; whoever would be
told later is left in peace once it was answered. What fails is tried again, five times in all, and then says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_proto.grants import next_higher
from sereno_proto.ids import sha256
from sereno_proto.roster import Roster
from sereno_server.audit.ledger import record
from sereno_server.config import Settings
from sereno_server.desk.timeline import tell as tell_ticket
from sereno_server.runs import rows
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import approval_notices, contacts, grants, runs
from sereno_server.telling import message
from sereno_server.telling.channels import Mail, Webhook
from sereno_server.telling.message import Request

TRIES_MAX = 5
RETRY_S = 30.0  # doubled after each try
AT_ONCE_MAX = 100


@dataclass(frozen=True)
class Ways:
    """How messages go out."""

    mail: Mail
    webhook: Webhook


async def plan(store: Store, now: datetime) -> int:
    """Writes down whom each new request is told, and when; gives how many notices that made."""
    made = 0
    async with store.transaction(Scope.system()) as tx:
        for request in await _waiting(tx, now, new=True):
            made += await _plan_one(tx, request)
    return made


async def send_one(store: Store, settings: Settings, ways: Ways, now: datetime) -> bool:
    """Sends the next notice that is due, or drops it where it was answered; gives False when there is none."""
    async with store.transaction(Scope.system()) as tx:
        query = (
            select(approval_notices, contacts.c.mail, contacts.c.webhook, contacts.c.secret)
            .outerjoin(
                contacts,
                (contacts.c.organisation_id == approval_notices.c.organisation_id)
                & (contacts.c.person == approval_notices.c.person),
            )
            .where(approval_notices.c.state == "waiting", approval_notices.c.due_at <= now)
            .order_by(approval_notices.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True, of=approval_notices)
        )
        row = (await tx.execute(query)).mappings().first()
        if row is None:
            return False
        found = await _waiting(tx, now, of=row["of"])
        address = row[row["channel"]]
        if not found or address is None:
            await _note(tx, row, state="dropped")
            return True
        request, person = found[0], row["person"]
        try:
            if row["channel"] == "mail":
                text = message.body(request, person, settings)
                await ways.mail(address, message.subject(request), text)
            else:
                notice_id = sha256(f"{row['organisation_id']} {row['of']} {person}".encode())[7:39]
                event = message.event(request, person, notice_id, settings, now)
                await ways.webhook(address, row["secret"] or "", event)
        except SerenoError as error:
            tries = row["tries"] + 1
            state = "failed" if tries >= TRIES_MAX else "waiting"
            due = now + timedelta(seconds=RETRY_S * 2 ** row["tries"])
            await _note(tx, row, state=state, tries=tries, due_at=due, what=error.what)
            if state == "failed":
                await _say(tx, request, f"{person} could not be told by {row['channel']}: {error.what}", now)
            return True
        await _note(tx, row, state="told", told_at=now, what=None)
        payload = {"person": person, "channel": row["channel"]}
        await record(tx, request.organisation_id, "server", "approval.told", request.of, payload)
        await _say(tx, request, f"{person} was told by {row['channel']}", now)
    return True


def eligible(roster: Roster, request: Request) -> list[str]:
    """The persons whose approval would count, by the server's copy of the roster."""
    counts_as = request.risk if request.kind == "plan" else next_higher(request.risk) or request.risk
    threshold = roster.thresholds[counts_as]
    return [
        person.name
        for person in roster.persons
        if any(key.purpose == "approve" and (key.public_key.touch or not threshold.touch) for key in person.keys)
        and (threshold.requester_counts if person.name == request.requester else person.may_approve)
    ]


async def _plan_one(tx: AsyncConnection, request: Request) -> int:
    try:
        roster = await rows.newest_roster(tx, request.organisation_id)
    except SerenoError:
        return 0
    query = select(contacts).where(
        contacts.c.organisation_id == request.organisation_id, contacts.c.person.in_(eligible(roster, request))
    )
    made = 0
    for contact in (await tx.execute(query)).mappings():
        due = request.asked_at + timedelta(seconds=contact["after_s"])
        for channel in ("mail", "webhook"):
            if contact[channel] is None or due >= request.expires_at:
                continue
            of = {"organisation_id": request.organisation_id, "of": request.of, "person": contact["person"]}
            values = {**of, "channel": channel, "state": "waiting", "due_at": due, "tries": 0}
            await tx.execute(insert(approval_notices).values(**values).on_conflict_do_nothing())
            made += 1
    return made


async def _waiting(tx: AsyncConnection, now: datetime, *, of: str = "", new: bool = False) -> Sequence[Request]:
    """The requests that wait for signatures: that one, or with `new` those that nobody is told of yet."""
    found: list[Request] = []
    for table, state, ends, asked in (
        (runs, "planned", runs.c.expires_at, runs.c.planned_at),
        (grants, "waiting", grants.c.expires, grants.c.created_at),
    ):
        query = select(table, ends.label("ends"), asked.label("asked")).where(table.c.state == state, ends > now)
        if of:
            query = query.where(table.c.id == of)
        if new:
            query = query.where(~exists().where(approval_notices.c.of == table.c.id)).limit(AT_ONCE_MAX)
        for row in (await tx.execute(query)).mappings():
            plan_text = row["plan_text"] if table is runs else row["text"]
            found.append(
                Request(
                    organisation_id=row["organisation_id"],
                    of=row["id"],
                    kind="plan" if table is runs else row["kind"],
                    playbook=row["playbook"],
                    requester=row["requester"],
                    risk=row["risk"] or "high",
                    ticket_id=row["ticket_id"],
                    text=bytes(plan_text or b""),
                    asked_at=row["asked"] or now,
                    expires_at=row["ends"],
                )
            )
    return found


async def _note(tx: AsyncConnection, row: object, **values: object) -> None:
    of = {name: row[name] for name in ("organisation_id", "of", "person", "channel")}  # type: ignore[index]
    where = [approval_notices.c[name] == value for name, value in of.items()]
    await tx.execute(update(approval_notices).where(*where).values(**values))


async def _say(tx: AsyncConnection, request: Request, text: str, now: datetime) -> None:
    if request.ticket_id is not None:
        detail = {"of": request.of}
        of = (request.organisation_id, request.ticket_id)
        await tell_ticket(tx, *of, at=now, kind="told", text=text, actor="server", detail=detail)
        await emit(tx, Event("ticket", *of))
    if request.kind == "plan":
        await emit(tx, Event("run", request.organisation_id, request.of))
