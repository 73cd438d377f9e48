"""Deciding on a grant: people sign it until it is active, say no, or take it back."""

import contextlib
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from sereno_proto import limits
from sereno_proto.approval import APPROVE, Approval, verify_grant
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.grants import NAMESPACES, next_higher, read_grant
from sereno_proto.roster import Roster, require_current
from sereno_proto.v1.runs_pb2 import RevokeGrant
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.grants import rows as grant_rows
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.sign import vet
from sereno_server.store.engine import Scope
from sereno_server.store.tables import grant_devices, grant_signatures


async def sign_grant(
    app: Parts, account: Account, grant_id: str, purpose: str, signature: str, *, clock: Clock = server_clock
) -> str:
    """Keeps a signature, and gives the grant's state: `active` once they are enough on the server's copy of the roster.

    Refuses at once what the devices would refuse: E_NOT_FOUND, E_CONFLICT, E_GRANT_EXPIRED, E_NAMESPACE, E_SIGNATURE_*,
    E_PASSKEY_*, E_KEY_*, E_REQUESTER_OTHER, E_APPROVER_*, E_FORBIDDEN (somebody else's key).
    """
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "sign", Object("grant", organisation_id, grant_id))
    if len(signature) > limits.SIGNATURE_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a signature has at most {limits.SIGNATURE_CHARS_MAX} characters")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        row = await grant_rows.read(tx, organisation_id, grant_id, lock=True)
        if row.state != "waiting":
            raise Refused("E_CONFLICT", f"the grant does not wait for signatures, it is {row.state}")
        if now >= row.expires:
            raise Refused("E_GRANT_EXPIRED", "the grant's window is over; nobody may sign it any more")
        roster = await rows.newest_roster(tx, organisation_id)
        require_current(roster, now)
        grant = read_grant(row.text)
        counts_as = next_higher(grant.risk) or grant.risk
        namespaces = NAMESPACES[grant.kind]
        person = vet(grant, row.text, purpose, signature, roster, namespaces=namespaces, counts_as=counts_as)
        if person.name != account.name:
            raise Refused("E_FORBIDDEN", f"the key is {person.name}'s, and you are {account.name}")
        values = {"person": person.name, "purpose": purpose, "armored": signature, "at": now}
        kept = await tx.scalar(
            insert(grant_signatures)
            .values(organisation_id=organisation_id, grant_id=grant_id, **values)
            .on_conflict_do_nothing()
            .returning(grant_signatures.c.grant_id)
        )
        if kept is None:
            return row.state  # signed before; once is enough
        payload = {"purpose": purpose, "signature": signature}
        await record(tx, organisation_id, person.name, "grant.sign", grant_id, payload)
        text = (
            f"{person.name} signed the {'approval' if purpose == APPROVE else 'request'} of {row.playbook} in advance"
        )
        await grant_rows.tell_ticket(tx, row, at=now, kind="signed", text=text, actor=person.name)
        await grant_rows.announce(tx, row)
        verdict = judged(row, await grant_rows.given(tx, row), roster, now)
        if isinstance(verdict, Approval):
            await grant_rows.move(tx, row, "active", from_states=["waiting"], actor=person.name, at=now)
            return "active"
    return "waiting"


def judged(
    row: grant_rows.GrantRow, given: list[tuple[str, str, str]], roster: Roster, now: datetime
) -> Approval | SerenoError:
    """Whether the signatures are enough by the server's copy of the roster; else what is missing."""
    grant = read_grant(row.text)
    try:
        pairs = [(purpose, armored) for _, purpose, armored in given]
        return verify_grant(grant, row.text, pairs, roster, max(now, grant.not_before))
    except SerenoError as error:
        return error


async def deny_grant(app: Parts, account: Account, grant_id: str, reason: str, *, clock: Clock = server_clock) -> None:
    """Ends a grant that waits for signatures. Raises E_CONFLICT when it no longer does."""
    await _end(app, account, grant_id, reason, "deny", "denied", clock)


async def revoke_grant(
    app: Parts, account: Account, grant_id: str, reason: str, *, clock: Clock = server_clock
) -> None:
    """Takes back a grant that is active: connected devices are told at once, the others when they come back.

    A device that is never told uses it until it expires; that is why it expires. Raises E_CONFLICT when it is over.
    """
    row = await _end(app, account, grant_id, reason, "deny", "revoked", clock)
    of = (grant_devices.c.organisation_id == row.organisation_id, grant_devices.c.grant_id == row.id)
    async with app.store.transaction(Scope(row.organisation_id)) as tx:
        taken = list((await tx.execute(select(grant_devices.c.device_id).where(*of))).scalars())
    for device_id in taken:
        with contextlib.suppress(SerenoError):
            order = RevokeGrant(grant_id=row.id)
            await app.gateway.command(row.organisation_id, device_id, order, timeout_s=5.0)
            async with app.store.transaction(Scope(row.organisation_id)) as tx:
                values: dict[str, Any] = {"state": "revoked", "at": clock()}
                await tx.execute(
                    update(grant_devices).where(*of, grant_devices.c.device_id == device_id).values(**values)
                )


async def _end(  # noqa: PLR0917  who ends what, why, and into which state
    app: Parts, account: Account, grant_id: str, reason: str, verb: str, state: str, clock: Clock
) -> grant_rows.GrantRow:
    organisation_id, now = account.organisation_id, clock()
    authorise(account, verb, Object("grant", organisation_id, grant_id))
    if len(reason) > limits.TEXT_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a reason has at most {limits.TEXT_CHARS_MAX} characters")
    before = "waiting" if state == "denied" else "active"
    async with app.store.transaction(Scope(organisation_id)) as tx:
        row = await grant_rows.read(tx, organisation_id, grant_id, lock=True)
        if not await grant_rows.move(tx, row, state, from_states=[before], actor=account.name, at=now, what=reason):
            raise Refused("E_CONFLICT", f"the grant is {row.state}, not {before}")
        text = f"{account.name} {state} {row.playbook} in advance" + (f": {reason}" if reason else "")
        await grant_rows.tell_ticket(tx, row, at=now, kind="refused", text=text, actor=account.name)
    return row
