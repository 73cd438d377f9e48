"""What the approval page hands in: a signature that says itself whose it is, so its bearer signs in nowhere.

The person is whoever the organisation's newest roster names for the key. Everything else is decided where a signed-in
person's signature is decided too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sereno_proto import limits, sshsig
from sereno_proto.approval import NAMESPACES
from sereno_proto.denial import Denial, write_denial
from sereno_proto.errors import BadInput, Refused
from sereno_proto.grants import NAMESPACES as GRANT_NAMESPACES
from sereno_proto.ids import sha256
from sereno_proto.roster import Roster, require_current
from sereno_proto.signatures import signer
from sereno_server.access.account import Account
from sereno_server.app import now as server_clock
from sereno_server.grants import rows as grant_rows
from sereno_server.grants.decide import deny_grant, sign_grant
from sereno_server.runs import rows
from sereno_server.runs.deny import deny
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.sign import add_signature
from sereno_server.store.engine import Scope

DENY = "deny"


@dataclass(frozen=True)
class HandedIn:
    """A signature over the plan of a run or over a grant, or over a denial of it with that reason."""

    organisation_id: str
    of: str  # run_… or grt_…
    purpose: str  # request, approve or deny
    signature: str
    reason: str = ""


@dataclass(frozen=True)
class _Asked:
    text: bytes
    namespaces: Mapping[str, str]
    roster: Roster


async def take(app: Parts, given: HandedIn, *, clock: Clock = server_clock) -> Account:
    """Takes it and gives its maker. Raises E_NOT_FOUND, E_NAMESPACE, what signers raise, and what deciding raises."""
    if len(given.signature) > limits.SIGNATURE_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a signature has at most {limits.SIGNATURE_CHARS_MAX} characters")
    asked = await _asked(app, given)
    require_current(asked.roster, clock())
    person, _ = signer(*_signed(given, asked), asked.roster, "approve")
    account = Account(f"roster:{person.name}", person.name, person.display, person.role, given.organisation_id)
    of_grant = given.of.startswith("grt_")
    if given.purpose == DENY:
        await (deny_grant if of_grant else deny)(app, account, given.of, given.reason, clock=clock)
    elif of_grant:
        await sign_grant(app, account, given.of, given.purpose, given.signature, clock=clock)
    else:
        await add_signature(app, account, given.of, given.purpose, given.signature, clock=clock)
    return account


async def _asked(app: Parts, given: HandedIn) -> _Asked:
    async with app.store.transaction(Scope(given.organisation_id)) as tx:
        if given.of.startswith("grt_"):
            grant = await grant_rows.read(tx, given.organisation_id, given.of)
            text, namespaces = grant.text, GRANT_NAMESPACES[grant.kind]
        else:
            run = await rows.read(tx, given.organisation_id, given.of)
            text, namespaces = run.plan_text or b"", NAMESPACES
        return _Asked(text, namespaces, await rows.newest_roster(tx, given.organisation_id))


def _signed(given: HandedIn, asked: _Asked) -> tuple[bytes, str, str]:
    """What must have been signed: text, armored signature, namespace."""
    if given.purpose == DENY:
        text = write_denial(Denial(sha256(asked.text), given.organisation_id, given.of, given.reason))
        return text, given.signature, sshsig.DENY_NAMESPACE
    if given.purpose not in asked.namespaces:
        raise Refused("E_NAMESPACE", f"this is signed to request, approve or deny, not to '{given.purpose[:40]}'")
    return asked.text, given.signature, asked.namespaces[given.purpose]
