"""Signing: taking a person's signature on the device's own text. The server counts them; the device decides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.approval import APPROVE, NAMESPACES, REQUEST, Approval, verify_approval
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.grants import Grant
from sereno_proto.plan import Plan, read_plan
from sereno_proto.roster import Person, Roster, require_current
from sereno_proto.signatures import signer
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.store.engine import Scope
from sereno_server.store.tables import signatures

INCOMPLETE: Final = frozenset({"E_SIGNATURE_MISSING", "E_REQUESTER_UNSIGNED", "E_APPROVALS_TOO_FEW"})


async def add_signature(
    app: Parts, account: Account, run_id: str, purpose: str, signature: str, *, clock: Clock = server_clock
) -> None:
    """Keeps a signature on a run's plan; the desk sends the plan off once they are enough.

    Refuses at once what the device would refuse later, because one signature that does not fit spoils the others:
    E_NOT_FOUND (also another organisation's run), E_CONFLICT (it no longer waits), E_PLAN_EXPIRED, E_NAMESPACE,
    E_SIGNATURE_*, E_KEY_*, E_REQUESTER_OTHER, E_APPROVER_*, E_FORBIDDEN (somebody else's key).
    """
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "sign", Object("run", organisation_id, run_id))
    if len(signature) > limits.SIGNATURE_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a signature has at most {limits.SIGNATURE_CHARS_MAX} characters")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id, lock=True)
        if run.state != "planned" or run.plan_text is None:
            raise Refused("E_CONFLICT", f"the run does not wait for signatures, it is {run.state}")
        plan = read_plan(run.plan_text)
        if now >= plan.expires:
            raise Refused("E_PLAN_EXPIRED", "the plan has expired; nobody may sign it any more")
        roster = await rows.newest_roster(tx, organisation_id)
        require_current(roster, now)
        person = vet(plan, run.plan_text, purpose, signature, roster)
        if person.name != account.name:
            raise Refused("E_FORBIDDEN", f"the key is {person.name}'s, and you are {account.name}")
        await _keep(tx, run, person, purpose=purpose, signature=signature, now=now)


def vet(
    asked: Plan | Grant,
    text: bytes,
    purpose: str,
    signature: str,
    roster: Roster,
    *,
    namespaces: Mapping[str, str] = NAMESPACES,
    counts_as: str = "",
) -> Person:
    """Who made a signature that may count towards this plan or grant; raises with the code the device would give.

    counts_as: the risk whose threshold it takes; a plan takes that of its own.
    """
    if purpose not in namespaces:
        raise Refused("E_NAMESPACE", f"plans are signed to request or to approve, not to '{purpose[:40]}'")
    person, held = signer(text, signature, namespaces[purpose], roster, "approve")
    if purpose == REQUEST and person.name != asked.requester:
        raise Refused("E_REQUESTER_OTHER", f"{person.name} signed the request, {asked.requester} asked")
    threshold = roster.thresholds[counts_as or asked.risk]
    if purpose == APPROVE and person.name == asked.requester and not threshold.requester_counts:
        raise Refused("E_APPROVER_IS_REQUESTER", f"{person.name} asked for this")
    if purpose == APPROVE and person.name != asked.requester and not person.may_approve:
        raise Refused("E_APPROVER_ROLE", f"{person.name} is a {person.role}")
    if purpose == APPROVE and threshold.touch and not held.public_key.touch:
        raise Refused("E_KEY_TOUCH", f"{counts_as or asked.risk} risk asks for a key that is touched")
    return person


def approval(
    plan_text: bytes, given: list[tuple[str, str, str]], roster: Roster, now: datetime
) -> Approval | SerenoError:
    """Whether the signatures given are enough, judged on the server's copy of the roster; else what is missing."""
    try:
        pairs = [(purpose, signature) for _, purpose, signature in given]
        return verify_approval(read_plan(plan_text), plan_text, pairs, roster, now)
    except SerenoError as error:
        return error


async def _keep(
    tx: AsyncConnection, run: rows.Run, person: Person, *, purpose: str, signature: str, now: datetime
) -> None:
    given = await rows.given(tx, run)
    if len(given) >= limits.SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {limits.SIGNATURES_MAX} signatures a plan")
    kept = await tx.scalar(
        insert(signatures)
        .values(
            organisation_id=run.organisation_id,
            run_id=run.id,
            person=person.name,
            purpose=purpose,
            armored=signature,
            at=now,
        )
        .on_conflict_do_nothing()
        .returning(signatures.c.run_id)
    )
    if kept is None:
        return  # signed before; once is enough
    payload = {"purpose": purpose, "plan": run.plan_id, "signature": signature}
    await record(tx, run.organisation_id, person.name, "run.sign", run.id, payload)
    text = f"{person.name} signed the {'request' if purpose == REQUEST else 'approval'} of {run.playbook}"
    await rows.tell_ticket(tx, run, at=now, kind="signed", text=text, actor=person.name, purpose=purpose)
    await rows.announce(tx, run)
