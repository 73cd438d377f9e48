"""People's word on the predictions: was a ticket useful, and may a muted predictor speak again."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from sereno_proto.errors import Refused
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.reads.tickets import ticket
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import mutes, ratings


async def rate(app: Parts, account: Account, ticket_id: str, *, useful: bool, clock: Clock = server_clock) -> None:
    """Keeps a person's word on a ticket; a later one replaces it. Raises E_NOT_FOUND, E_FORBIDDEN."""
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "rate", Object("ticket", organisation_id, ticket_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        known = await ticket(tx, ticket_id)
        row = {"organisation_id": organisation_id, "ticket_id": known.id, "person": account.name}
        statement = insert(ratings).values(**row, useful=useful, at=now)
        same = [ratings.c.organisation_id, ratings.c.ticket_id, ratings.c.person]
        await tx.execute(statement.on_conflict_do_update(index_elements=same, set_={"useful": useful, "at": now}))
        await record(tx, organisation_id, account.name, "ticket.rate", known.id, {"useful": useful})
        await emit(tx, Event("ticket", organisation_id, known.id, known.device.id))


async def end_mute(app: Parts, account: Account, mute_id: str, *, clock: Clock = server_clock) -> None:
    """Lets a muted predictor alert again; what it got wrong so far is forgiven. Raises E_NOT_FOUND, E_FORBIDDEN."""
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "end_mute", Object("mute", organisation_id, mute_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        ended = await tx.execute(
            update(mutes)
            .where(mutes.c.organisation_id == organisation_id, mutes.c.id == mute_id, mutes.c.ended_at.is_(None))
            .values(ended_at=now, ended_by=account.name)
            .returning(mutes.c.device_id)
        )
        device_id = ended.scalar()
        if device_id is None:
            raise Refused("E_NOT_FOUND", f"no mute {mute_id} is in force")
        await record(tx, organisation_id, account.name, "predictor.unmute", mute_id)
        await emit(tx, Event("forecast", organisation_id, mute_id, device_id))
