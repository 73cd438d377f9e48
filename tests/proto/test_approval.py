"""Approval as server and CLI use it; every forged combination is played in tests/agent/executor/test_forged.py."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.proto.software_token import SoftwareToken
from tests.proto.test_plan import DIGEST, NOW, PLAN

from sereno_proto import sshsig
from sereno_proto.approval import Approval, verify_approval
from sereno_proto.errors import SerenoError
from sereno_proto.plan import read_plan, write_plan
from sereno_proto.planned_step import PlannedStep
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, Threshold
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE

RISKY = replace(PLAN, risk="high", steps=(PlannedStep("wipe", {}, action="format_disk", code=DIGEST, risk="high"),))


class People:
    def __init__(self, folder):
        self.signers = {"noa": sshsig.generate(folder / "noa"), "ana": SoftwareToken(), "ben": SoftwareToken()}
        roles = {"noa": "technician", "ana": "approver", "ben": "administrator"}
        persons = tuple(
            Person(name, name, roles[name], (RosterKey("approve", signer.public_key),))
            for name, signer in self.signers.items()
        )
        self.roster = Roster("org_a", 1, NOW, NOW + timedelta(days=9), persons, DEFAULT_THRESHOLDS)

    def request(self, text, name="noa"):
        return "request", self.signers[name].sign(text, REQUEST_NAMESPACE)

    def approve(self, text, name):
        return "approve", self.signers[name].sign(text, APPROVE_NAMESPACE)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return People(tmp_path_factory.mktemp("keys"))


def code(*arguments, **keywords):
    with pytest.raises(SerenoError) as caught:
        verify_approval(*arguments, **keywords)
    return caught.value.code


def test_high_risk_needs_two_others_with_touch(people):
    text = write_plan(RISKY)
    signatures = [people.request(text), people.approve(text, "ana"), people.approve(text, "ben")]
    approval = verify_approval(RISKY, text, signatures, people.roster, NOW)
    fingerprints = tuple(people.signers[name].public_key.fingerprint for name in ("noa", "ana", "ben"))
    assert approval == Approval("noa", ("ana", "ben"), "high", fingerprints)
    assert code(RISKY, text, signatures[:2], people.roster, NOW) == "E_APPROVALS_TOO_FEW"


def test_what_the_server_sees_missing_comes_in_the_order_people_do_it(people):
    text = write_plan(PLAN)
    assert code(PLAN, text, [], people.roster, NOW) == "E_SIGNATURE_MISSING"
    assert code(PLAN, text, [people.approve(text, "ana")], people.roster, NOW) == "E_REQUESTER_UNSIGNED"
    assert code(PLAN, text, [people.request(text)], people.roster, NOW) == "E_APPROVALS_TOO_FEW"


def test_plan_text_roster_and_time_must_fit_together(people):
    text = write_plan(PLAN)
    assert code(RISKY, text, [], people.roster, NOW) == "E_PLAN_CHANGED"
    assert code(PLAN, text, [], people.roster, PLAN.expires) == "E_PLAN_EXPIRED"
    assert code(PLAN, text, [], replace(people.roster, organisation_id="org_b"), NOW) == "E_ROSTER_ORGANISATION"
    assert code(PLAN, text, [], replace(people.roster, version=0), NOW) == "E_ROSTER_VERSION"
    assert code(PLAN, text, [], replace(people.roster, expires=NOW), NOW) == "E_ROSTER_EXPIRED"


def test_a_plan_that_states_less_risk_than_it_has_is_refused(people):
    lying = replace(RISKY, risk="low")
    assert code(lying, write_plan(lying), [], people.roster, NOW) == "E_RISK_DOWNGRADED"
    text = write_plan(PLAN)
    assert code(PLAN, text, [], people.roster, NOW, risk="medium") == "E_RISK_DOWNGRADED"


# Every combination of who signed what, against the rules written down once more, in another way.

TEXTS = {
    (requester, risk): write_plan(
        replace(
            PLAN,
            requester=requester,
            risk=risk,
            steps=(PlannedStep("do", {}, action="do_it", code=DIGEST, risk=risk),),
        )
    )
    for requester in ("noa", "ana", "ben", "server", "mallory")
    for risk in ("low", "medium", "high")
}
MAY_APPROVE = {"ana", "ben"}
SIGNED = {}


def sign(people, key, purpose, name):
    if (key, purpose, name) not in SIGNED:
        make = people.request if purpose == "request" else people.approve
        SIGNED[key, purpose, name] = make(TEXTS[key], name)
    return SIGNED[key, purpose, name]


def enough(requester, threshold, signed):
    """The rules as DESIGN section 4 tells them."""
    requested = {name for purpose, name in signed if purpose == "request"}
    approved = {name for purpose, name in signed if purpose == "approve"}
    if requester == "mallory" or requested != (set() if requester == "server" else {requester}):
        return False
    if requester in approved and not threshold.requester_counts:
        return False
    if not approved - {requester} <= MAY_APPROVE:
        return False
    if threshold.touch and "noa" in approved:  # her key is a file
        return False
    return len(approved) >= threshold.persons


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.sampled_from(sorted(TEXTS)),
    st.builds(Threshold, st.integers(1, 3), st.booleans(), st.booleans()),
    st.lists(st.tuples(st.sampled_from(["request", "approve"]), st.sampled_from(["noa", "ana", "ben"])), max_size=6),
)
def test_a_plan_is_approved_exactly_when_the_rules_say_so(people, key, threshold, signed):
    requester, risk = key
    roster = replace(people.roster, thresholds=people.roster.thresholds | {risk: threshold})
    signatures = [sign(people, key, purpose, name) for purpose, name in signed]
    text = TEXTS[key]
    if enough(requester, threshold, signed):
        approval = verify_approval(read_plan(text), text, signatures, roster, NOW)
        assert set(approval.approvers) == {name for purpose, name in signed if purpose == "approve"}
    else:
        code(read_plan(text), text, signatures, roster, NOW)
