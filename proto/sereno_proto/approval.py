"""Whether a plan's signatures are enough. Pure: the device decides with it, server and CLI show what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sereno_proto import sshsig
from sereno_proto.documents import write_time
from sereno_proto.errors import BadInput, Refused
from sereno_proto.keys import PublicKey
from sereno_proto.limits import SIGNATURES_MAX
from sereno_proto.passkeys import Passkey
from sereno_proto.plan import Plan, read_plan
from sereno_proto.planned_step import RISKS, highest
from sereno_proto.roster import NOBODY, Person, Roster, require_current
from sereno_proto.signatures import signer

REQUEST: Final = "request"
APPROVE: Final = "approve"
NAMESPACES: Final = {REQUEST: sshsig.REQUEST_NAMESPACE, APPROVE: sshsig.APPROVE_NAMESPACE}


@dataclass(frozen=True)
class Approval:
    """Who asked and who approved, as their keys prove it."""

    requester: str  # a person's name, or "server"
    approvers: tuple[str, ...]
    risk: str
    fingerprints: tuple[str, ...]  # of every key that signed, requester's first


@dataclass(frozen=True)
class _Signed:
    purpose: str
    person: Person
    key: PublicKey | Passkey


def verify_approval(
    plan: Plan,
    plan_text: bytes,
    signatures: Sequence[tuple[str, str]],
    roster: Roster,
    now: datetime,
    *,
    risk: str = "",
) -> Approval:
    """Gives who asked and who approved; raises with the code of the first thing that is not as it must be.

    signatures: (purpose, armored SSHSIG or passkey assertion) pairs; one that does not fit spoils them all. `risk` is
    what the caller's own registry says of the plan's actions: a plan that states less is refused; the highest decides.
    """
    if read_plan(plan_text) != plan:
        raise Refused("E_PLAN_CHANGED", "the plan is not what its text says")
    if now >= plan.expires:
        raise Refused("E_PLAN_EXPIRED", f"the plan expired at {write_time(plan.expires)}")
    _check_roster(plan, roster, now)
    risk = _risk(plan, risk)
    if not signatures:
        raise Refused("E_SIGNATURE_MISSING", "nobody signed this plan")
    if len(signatures) > SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {SIGNATURES_MAX} signatures are looked at")
    signed = [_verify_one(plan_text, purpose, armored, roster) for purpose, armored in signatures]
    _check_requester(plan, roster, [one for one in signed if one.purpose == REQUEST])
    approvals = [one for one in signed if one.purpose == APPROVE]
    _check_approvals(plan, roster, risk, approvals)
    return Approval(
        requester=plan.requester,
        approvers=tuple(dict.fromkeys(one.person.name for one in approvals)),
        risk=risk,
        fingerprints=tuple(
            one.key.fingerprint for purpose in (REQUEST, APPROVE) for one in signed if one.purpose == purpose
        ),
    )


def _check_roster(plan: Plan, roster: Roster, now: datetime) -> None:
    require_current(roster, now)
    if roster.organisation_id != plan.organisation_id:
        raise Refused("E_ROSTER_ORGANISATION", "plan and roster are of different organisations")
    if roster.version < plan.roster_version_min:
        raise Refused("E_ROSTER_VERSION", f"the plan needs roster {plan.roster_version_min}, this is {roster.version}")


def _risk(plan: Plan, own: str) -> str:
    """The highest of what the steps say and what the caller's registry says; the plan must not state less."""
    risk = highest((*(step.risk for step in plan.steps), own or RISKS[0]))
    if RISKS.index(plan.risk) < RISKS.index(risk):
        raise Refused("E_RISK_DOWNGRADED", f"the plan says {plan.risk} risk, its actions have {risk} risk")
    return plan.risk


def _verify_one(plan_text: bytes, purpose: str, armored: str, roster: Roster) -> _Signed:
    if purpose not in NAMESPACES:
        raise Refused("E_NAMESPACE", f"plans are signed to request or to approve, not to '{purpose[:40]}'")
    person, held = signer(plan_text, armored, NAMESPACES[purpose], roster, "approve")
    return _Signed(purpose, person, held.public_key)


def _check_requester(plan: Plan, roster: Roster, requests: list[_Signed]) -> None:
    """The requester signed too, and nobody else did so in the requester's place. `server` is nobody."""
    for one in requests:
        if one.person.name != plan.requester:
            raise Refused("E_REQUESTER_OTHER", f"{one.person.name} signed the request, {plan.requester} asked")
    if plan.requester == NOBODY:
        return
    if roster.person(plan.requester) is None:
        raise Refused("E_REQUESTER_UNKNOWN", f"'{plan.requester}' is not on roster {roster.version}")
    if not requests:
        raise Refused("E_REQUESTER_UNSIGNED", f"{plan.requester} did not sign the request")


def _check_approvals(plan: Plan, roster: Roster, risk: str, approvals: list[_Signed]) -> None:
    threshold = roster.thresholds[risk]
    for one in approvals:
        if one.person.name == plan.requester:
            if not threshold.requester_counts:
                raise Refused("E_APPROVER_IS_REQUESTER", f"{one.person.name} asked for this plan")
        elif not one.person.may_approve:
            raise Refused("E_APPROVER_ROLE", f"{one.person.name} is a {one.person.role}")
        if threshold.touch and not one.key.touch:
            raise Refused("E_KEY_TOUCH", f"{one.person.name} signed {risk} risk with a key in a file")
    persons = {one.person.name for one in approvals}
    if len(persons) < threshold.persons:
        raise Refused(
            "E_APPROVALS_TOO_FEW", f"{len(persons)} of {threshold.persons} persons approved this {risk} risk plan"
        )
