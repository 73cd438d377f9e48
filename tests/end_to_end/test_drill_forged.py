"""The forged drill with real processes: the attacker owns the server, and the device refuses."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

REFUSALS = {
    "no_signature": "E_SIGNATURE_MISSING",
    "unknown_key": "E_KEY_UNKNOWN",
    "key_of_the_wrong_purpose": "E_KEY_PURPOSE",
    "request_passed_off_as_approval": "E_NAMESPACE",
    "one_persons_two_keys": "E_APPROVALS_TOO_FEW",
    "approver_is_requester": "E_APPROVER_IS_REQUESTER",
    "technician_approves": "E_APPROVER_ROLE",
    "requester_only_the_server_vouches_for": "E_REQUESTER_UNSIGNED",
    "requester_nobody_knows": "E_REQUESTER_UNKNOWN",
    "edited_after_signing": "E_PLAN_CHANGED",
    "plan_the_device_never_issued": "E_PLAN_UNKNOWN",
    "another_devices_plan": "E_PLAN_DEVICE",
    "downgraded_risk": "E_RISK_DOWNGRADED",
    "repeated_field": "E_FIELD_REPEATED",
    "unknown_field": "E_FIELD_UNKNOWN",
    "expired_plan": "E_PLAN_EXPIRED",
    "replayed": "E_PLAN_REPLAYED",
    "lower_roster": "E_ROSTER_LOWER",
    "expired_roster": "E_ROSTER_EXPIRED",
    "unsigned_roster": "E_ROSTER_UNSIGNED",
    "target_swapped_after_the_plan": "E_TARGET_DRIFTED",
    "certificate_of_another_device": "E_CERTIFICATE_IDENTITY",
    "folder_outside_the_policy": "E_OUTSIDE_POLICY",
    "path_instead_of_a_name_of_the_policy": "E_PARAMETER",
    "action_the_policy_forbids": "E_POLICY_FORBIDS",
    "plan_from_before_a_stricter_policy": "E_POLICY_CHANGED",
    "lockdown": "E_LOCKDOWN",
}


def test_every_attempt_is_refused_with_its_own_code_and_nothing_is_carried_out(demo):
    output, errors = demo.start("--drill", "forged", "--exit").communicate(timeout=380)
    assert demo.process.returncode == 0, errors + output
    last = json.loads(output.splitlines()[-1])
    assert {attempt["name"]: attempt["code"] for attempt in last["attempts"]} == REFUSALS
    assert len(set(REFUSALS.values())) == len(REFUSALS)
    assert last["executed"] == 0
    assert last["lies"] == [{"name": "approver_shown_an_edited_plan", "code": "E_SIGNATURE_INVALID"}]
    assert last["control"]["state"] == "succeeded"
    assert demo.left_behind() == []
