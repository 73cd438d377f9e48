"""Whether a plan's or grant's signatures are enough. Pure: the device decides, server and CLI show what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sereno_proto import sshsig
from sereno_proto.documents import write_time
from sereno_proto.errors import BadInput, Refused
from sereno_proto.grants import NAMESPACES as GRANT_NAMESPACES
from sereno_proto.grants import Grant, next_higher, read_grant
from sereno_proto.keys import PublicKey
from sereno_proto.limits import SIGNATURES_MAX
from sereno_proto.passkeys import Passkey
from sereno_proto.plan import Plan, read_plan
from sereno_proto.planned_step import RISKS, PlannedStep, highest
from sereno_proto.roster import NOBODY, Person, Roster, Threshold, require_current
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


class _Asked(Protocol):
    """What a plan and a grant have in common here."""

    @property
    def requester(self) -> str: ...
    @property
    def organisation_id(self) -> str: ...
    @property
    def roster_version_min(self) -> int: ...
    @property
    def risk(self) -> str: ...
    @property
    def steps(self) -> tuple[PlannedStep, ...]: ...


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
    return _count(plan, plan_text, signatures, roster, namespaces=NAMESPACES, risk=risk, counts_as=risk)


def verify_grant(
    grant: Grant, text: bytes, signatures: Sequence[tuple[str, str]], roster: Roster, now: datetime, *, risk: str = ""
) -> Approval:
    """The same for bounds or a standing grant: each takes the threshold of the next higher risk.

    Raises E_GRANT_EARLY, E_GRANT_EXPIRED, E_GRANT_RISK besides what verify_approval raises.
    """
    if read_grant(text) != grant:
        raise Refused("E_PLAN_CHANGED", "the grant is not what its text says")
    if now >= grant.expires:
        raise Refused("E_GRANT_EXPIRED", f"the grant expired at {write_time(grant.expires)}")
    if now < grant.not_before:
        raise Refused("E_GRANT_EARLY", f"the grant begins at {write_time(grant.not_before)}")
    _check_roster(grant, roster, now)
    risk = _risk(grant, risk)
    higher = next_higher(risk)
    if higher is None:
        raise Refused("E_GRANT_RISK", f"actions of {risk} risk are signed as plans only")
    namespaces = GRANT_NAMESPACES[grant.kind]
    return _count(grant, text, signatures, roster, namespaces=namespaces, risk=risk, counts_as=higher)


def _count(
    asked: "_Asked",
    text: bytes,
    signatures: Sequence[tuple[str, str]],
    roster: Roster,
    *,
    namespaces: Mapping[str, str],
    risk: str,
    counts_as: str,
) -> Approval:
    """Verifies every signature, then asks for the requester, and for as many others as the risk it counts as needs."""
    if not signatures:
        raise Refused("E_SIGNATURE_MISSING", "nobody signed this")
    if len(signatures) > SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {SIGNATURES_MAX} signatures are looked at")
    signed = [_verify_one(text, purpose, armored, namespaces, roster) for purpose, armored in signatures]
    _check_requester(asked, roster, [one for one in signed if one.purpose == REQUEST])
    approvals = [one for one in signed if one.purpose == APPROVE]
    _check_approvals(asked, risk, roster.thresholds[counts_as], approvals)
    return Approval(
        requester=asked.requester,
        approvers=tuple(dict.fromkeys(one.person.name for one in approvals)),
        risk=risk,
        fingerprints=tuple(
            one.key.fingerprint for purpose in (REQUEST, APPROVE) for one in signed if one.purpose == purpose
        ),
    )


def _check_roster(asked: "_Asked", roster: Roster, now: datetime) -> None:
    require_current(roster, now)
    if roster.organisation_id != asked.organisation_id:
        raise Refused("E_ROSTER_ORGANISATION", "plan and roster are of different organisations")
    if roster.version < asked.roster_version_min:
        raise Refused("E_ROSTER_VERSION", f"the plan needs roster {asked.roster_version_min}, this is {roster.version}")


def _risk(asked: "_Asked", own: str) -> str:
    """The highest of what the steps say and what the caller's registry says; the plan must not state less."""
    risk = highest((*(step.risk for step in asked.steps), own or RISKS[0]))
    if RISKS.index(asked.risk) < RISKS.index(risk):
        raise Refused("E_RISK_DOWNGRADED", f"the plan says {asked.risk} risk, its actions have {risk} risk")
    return asked.risk


def _verify_one(text: bytes, purpose: str, armored: str, namespaces: Mapping[str, str], roster: Roster) -> _Signed:
    if purpose not in namespaces:
        raise Refused("E_NAMESPACE", f"plans are signed to request or to approve, not to '{purpose[:40]}'")
    person, held = signer(text, armored, namespaces[purpose], roster, "approve")
    return _Signed(purpose, person, held.public_key)


def _check_requester(asked: "_Asked", roster: Roster, requests: list[_Signed]) -> None:
    """The requester signed too, and nobody else did so in the requester's place. `server` is nobody."""
    for one in requests:
        if one.person.name != asked.requester:
            raise Refused("E_REQUESTER_OTHER", f"{one.person.name} signed the request, {asked.requester} asked")
    if asked.requester == NOBODY:
        return
    if roster.person(asked.requester) is None:
        raise Refused("E_REQUESTER_UNKNOWN", f"'{asked.requester}' is not on roster {roster.version}")
    if not requests:
        raise Refused("E_REQUESTER_UNSIGNED", f"{asked.requester} did not sign the request")


def _check_approvals(asked: "_Asked", risk: str, threshold: Threshold, approvals: list[_Signed]) -> None:
    for one in approvals:
        if one.person.name == asked.requester:
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
