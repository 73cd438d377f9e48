"""Bounds and standing grants: one text each, nothing that a plan would have shown, and the next higher threshold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.proto.software_passkey import SoftwarePasskey
from tests.proto.test_plan import DIGEST, NOW, PLAN

from sereno_proto.approval import verify_grant
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.grants import BOUNDS, NAMESPACES, STANDING, Grant, GrantedDevice, read_grant, write_grant
from sereno_proto.plan import write_plan
from sereno_proto.planned_step import PlannedStep, Require, Subject, Target
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE

STEP = PlannedStep(
    "free space", {"folder": "app-logs"}, action="remove_old_files", code=DIGEST, risk="medium",
    bounds={"targets-max": 20, "files-max": 20, "bytes-removed-max": 1 << 30},
)  # fmt: skip
TRIGGER = Require("disk_space", {"folder": "app-logs"}, "free_percent", "<", 10)
GRANT = Grant(
    kind=BOUNDS, id="grt_1", nonce="0" * 32, organisation_id="org_a", requester="noa", playbook="disk.free_space",
    ticket_id="", risk="medium", roster_version_min=1, not_before=NOW, expires=NOW + timedelta(days=2),
    devices=(GrantedDevice("dev_a", "web-01"), GrantedDevice("dev_b", "web-02")), steps=(STEP,),
)  # fmt: skip
LASTING = replace(GRANT, kind=STANDING, uses=3, pause_s=3600, triggers=(TRIGGER,))


def code(function, *arguments, **keywords):
    with pytest.raises(SerenoError) as caught:
        function(*arguments, **keywords)
    return caught.value.code


@settings(max_examples=50)
@given(
    uses=st.integers(1, 100),
    pause=st.integers(60, 3600),
    value=st.floats(-1e12, 1e12, allow_nan=False),
    names=st.lists(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), min_size=1, max_size=9, unique=True),
)
def test_a_grant_reads_as_it_was_written(uses, pause, value, names):
    devices = tuple(GrantedDevice(f"dev_{name}", name) for name in names)
    lasting = replace(
        LASTING, uses=uses, pause_s=pause, devices=devices, triggers=(replace(TRIGGER, value=value),), ticket_id="tkt_1"
    )
    for grant in (lasting, replace(GRANT, devices=devices)):
        assert read_grant(write_grant(grant)) == grant
        assert b"\nseen-on-device: no\n" in write_grant(grant)


NONSENSE = {
    "nobody's device": {"devices": ()},
    "a device twice": {"devices": (GRANT.devices[0], GRANT.devices[0])},
    "a device's name with a line": {"devices": (GrantedDevice("dev_a", "web\nrisk: low"),)},
    "longer than a week": {"expires": NOW + timedelta(days=7, seconds=1)},
    "over before it begins": {"expires": NOW},
    "an action without a limit": {"steps": (replace(STEP, bounds={"files-max": 3}),)},
    "an action without its code": {"steps": (replace(STEP, code=""),)},
    "a target that nobody saw": {"steps": (replace(STEP, targets=(Target("/a", 1, "absent", "absent"),)),)},
    "a subject that nobody saw": {"steps": (replace(STEP, subjects=(Subject("service", "a", "b", "c"),)),)},
    "used twice": {"uses": 2},
    "a trigger of bounds": {"triggers": (TRIGGER,)},
    "no such kind": {"kind": "plan"},
}
LASTING_NONSENSE = {
    "without a trigger": {"triggers": ()},
    "without end": {"uses": 101},
    "without a pause": {"pause_s": 0},
    "never used": {"uses": 0},
    "a trigger that waits": {"triggers": (replace(TRIGGER, within_s=60),)},
    "a trigger that is no figure": {"triggers": (replace(TRIGGER, value=float("nan")),)},
}


@pytest.mark.parametrize("name", [*NONSENSE, *LASTING_NONSENSE])
def test_a_grant_that_makes_no_sense_is_not_written(name):
    changed = replace(GRANT, **NONSENSE[name]) if name in NONSENSE else replace(LASTING, **LASTING_NONSENSE[name])
    with pytest.raises(BadInput):
        write_grant(changed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"seen-on-device: no", b"seen-on-device: yes"),
        (b"uses: 3", b"uses: 03"),
        (b"sereno standing-grant v1", b"sereno bounds v1"),
        (b"sereno standing-grant v1", b"sereno plan v1"),
        (b"device.1: dev_a web-01", b"device.1: dev_a web-01 "),
        (b"\ndevice.2: dev_b web-02", b"\ndevice.2: dev_b web-02\ndevice.2: dev_c web-03"),
        (b"free_percent < 10", b"free_percent < 1e1"),
    ],
)
def test_a_text_that_is_bent_is_not_read(before, after):
    text = write_grant(LASTING)
    assert before in text
    with pytest.raises(BadInput):
        read_grant(text.replace(before, after))


PEOPLE = {name: SoftwarePasskey("EdDSA") for name in ("noa", "ana", "ben", "rui")}
ROLES = {"noa": "technician", "ana": "approver", "ben": "administrator", "rui": "approver"}
ROSTER = Roster(
    "org_a", 1, NOW, NOW + timedelta(days=9),
    tuple(Person(n, n, ROLES[n], (RosterKey("approve", key.public_key),)) for n, key in PEOPLE.items()),
    DEFAULT_THRESHOLDS,
)  # fmt: skip


def signed(grant, *people, namespaces=None):
    text, namespaces = write_grant(grant), namespaces or NAMESPACES[grant.kind]
    first, *others = people
    given = [("request", PEOPLE[first].sign(text, namespaces["request"]))]
    return text, given + [("approve", PEOPLE[name].sign(text, namespaces["approve"])) for name in others]


@pytest.mark.parametrize("grant", [GRANT, LASTING])
def test_medium_risk_takes_the_threshold_of_high(grant):
    assert verify_grant(grant, *signed(grant, "noa", "ana", "ben"), ROSTER, NOW).approvers == ("ana", "ben")
    assert code(verify_grant, grant, *signed(grant, "noa", "ana"), ROSTER, NOW) == "E_APPROVALS_TOO_FEW"
    low = replace(grant, risk="low", steps=(replace(STEP, risk="low"),))
    assert verify_grant(low, *signed(low, "noa", "ana"), ROSTER, NOW).approvers == ("ana",)
    own = replace(low, requester="ana")
    assert code(verify_grant, own, *signed(own, "ana", "ana"), ROSTER, NOW) == "E_APPROVER_IS_REQUESTER"


def test_high_risk_is_never_granted_unseen_and_never_stated_lower():
    high = replace(GRANT, risk="high", steps=(replace(STEP, risk="high"),))
    assert code(verify_grant, high, *signed(high, "noa", "ana", "ben"), ROSTER, NOW) == "E_GRANT_RISK"
    arguments = (GRANT, *signed(GRANT, "noa", "ana", "ben"), ROSTER, NOW)
    assert code(verify_grant, *arguments, risk="high") == "E_RISK_DOWNGRADED"


@pytest.mark.parametrize("grant", [GRANT, LASTING])
def test_a_signature_for_another_kind_is_none_for_this_one(grant):
    plans = {"request": REQUEST_NAMESPACE, "approve": APPROVE_NAMESPACE}
    other = NAMESPACES[STANDING if grant.kind == BOUNDS else BOUNDS]
    for namespaces in (plans, other):
        text, signatures = signed(grant, "noa", "ana", "ben", namespaces=namespaces)
        assert code(verify_grant, grant, text, signatures, ROSTER, NOW) == "E_PASSKEY_CHALLENGE"


def test_the_window_the_roster_and_the_text_must_fit():
    text, signatures = signed(GRANT, "noa", "ana", "ben")
    early, late = replace(ROSTER, issued=NOW - timedelta(days=1)), NOW + timedelta(days=2)
    assert code(verify_grant, GRANT, text, signatures, early, NOW - timedelta(seconds=1)) == "E_GRANT_EARLY"
    assert code(verify_grant, GRANT, text, signatures, ROSTER, late) == "E_GRANT_EXPIRED"
    assert code(verify_grant, replace(GRANT, playbook="a"), text, signatures, ROSTER, NOW) == "E_PLAN_CHANGED"
    assert code(verify_grant, GRANT, text, signatures, replace(ROSTER, version=0), NOW) == "E_ROSTER_VERSION"
    assert code(verify_grant, GRANT, text, [], ROSTER, NOW) == "E_SIGNATURE_MISSING"
    assert code(read_grant, write_plan(PLAN)) == "E_DOCUMENT_KIND"
