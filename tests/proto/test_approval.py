"""Approval as server and CLI use it; every forged combination is played in tests/agent/executor/test_forged.py."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.proto.software_token import SoftwareToken
from tests.proto.test_plan import DIGEST, NOW, PLAN

from sereno_proto import sshsig
from sereno_proto.approval import Approval, verify_approval
from sereno_proto.errors import SerenoError
from sereno_proto.plan import PlannedStep, write_plan
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey
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
