"""Attacks on who signed: missing, foreign, repeated or of another purpose."""

from dataclasses import replace

from tests.agent.executor.attacks.attack import attack
from tests.agent.executor.house import signature, step

from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE


@attack("E_SIGNATURE_MISSING")
def no_signature(house):
    return house.execute(house.plan())


@attack("E_SIGNATURE_MISSING")
def no_signature_on_what_the_server_proposes(house):
    return house.execute(house.plan(requester="server"))


@attack("E_APPROVALS_TOO_FEW")
def only_the_request_is_signed(house):
    text = house.plan()
    return house.execute(text, house.request(text))


@attack("E_REQUESTER_UNSIGNED")
def a_requester_only_the_server_vouches_for(house):
    text = house.plan(requester="noa")
    return house.execute(text, house.approve(text))


@attack("E_REQUESTER_UNKNOWN")
def a_requester_who_is_nobody(house):
    return house.make_plan(requester="mallory")


@attack("E_REQUESTER_OTHER")
def a_request_signed_by_another(house):
    text = house.plan(requester="noa")
    return house.execute(text, house.request(text, "rui-0-approve"), house.approve(text))


@attack("E_REQUESTER_OTHER")
def a_request_for_what_the_server_proposes(house):
    text = house.plan(requester="server")
    return house.execute(text, house.request(text), house.approve(text))


@attack("E_APPROVER_IS_REQUESTER")
def approver_is_requester(house):
    text = house.plan(requester="rui")
    return house.execute(text, house.request(text, "rui-0-approve"), house.approve(text, "rui-0-approve"))


@attack("E_APPROVER_IS_REQUESTER")
def one_persons_two_keys_as_requester_and_approver(house):
    text = house.plan(requester="ana")
    return house.execute(text, house.request(text, "ana-0-approve"), house.approve(text, "ana-1-approve"))


@attack("E_APPROVALS_TOO_FEW")
def one_persons_two_keys_as_two_approvers(house):
    thresholds = house.roster.thresholds | {"medium": replace(house.roster.thresholds["medium"], persons=2)}
    house.pin(house.make_roster(3, thresholds=thresholds))
    text = house.plan()
    two = (house.approve(text, "ana-0-approve"), house.approve(text, "ana-1-approve"))
    return house.execute(text, house.request(text), *two)


@attack("E_APPROVALS_TOO_FEW")
def one_signature_twice(house):
    thresholds = house.roster.thresholds | {"medium": replace(house.roster.thresholds["medium"], persons=2)}
    house.pin(house.make_roster(3, thresholds=thresholds))
    text = house.plan()
    return house.execute(text, house.request(text), house.approve(text), house.approve(text))


@attack("E_APPROVER_ROLE")
def approved_by_a_technician(house):
    text = house.plan(requester="server")
    return house.execute(text, house.approve(text, "noa-0-approve"))


@attack("E_KEY_UNKNOWN")
def unknown_key(house):
    text = house.plan()
    return house.execute(text, house.request(text), house.approve(text, "mallory"))


@attack("E_KEY_UNKNOWN")
def the_root_key_is_no_approver(house):
    text = house.plan()
    return house.execute(text, house.request(text), house.approve(text, "root"))


@attack("E_KEY_UNKNOWN")
def the_device_approves_itself(house):
    text = house.plan()
    return house.execute(text, house.request(text), signature("approve", house.identity.sign(text, APPROVE_NAMESPACE)))


@attack("E_KEY_PURPOSE")
def a_key_of_the_wrong_purpose(house):
    text = house.plan()
    return house.execute(text, house.request(text), house.approve(text, "ana-2-session"))


@attack("E_KEY_TOUCH")
def high_risk_without_touch(house):
    text = house.plan(step("wipe", "format_disk"))
    return house.execute(text, house.request(text), house.approve(text), house.approve(text, "ben-0-approve"))


@attack("E_NAMESPACE")
def a_request_passed_off_as_an_approval(house):
    text = house.plan(requester="server")
    return house.execute(text, signature("approve", house.key("ana-0-approve").sign(text, REQUEST_NAMESPACE)))


@attack("E_NAMESPACE")
def a_login_passed_off_as_an_approval(house):
    text = house.plan(requester="server")
    return house.execute(text, signature("approve", house.key("ana-0-approve").sign(text, "sereno-login-v1")))


@attack("E_NAMESPACE")
def a_purpose_of_the_servers_own(house):
    text = house.plan()
    return house.execute(text, house.request(text), signature("witness", house.approve(text).armored))


@attack("E_SIGNATURE_INVALID")
def another_plans_approval(house):
    other = house.plan()
    text = house.plan()
    return house.execute(text, house.request(text), house.approve(other))


@attack("E_SIGNATURE_FORMAT")
def a_signature_that_is_none(house):
    text = house.plan()
    return house.execute(text, house.request(text), signature("approve", "ana said yes"))


@attack("E_LIMIT")
def too_many_signatures(house):
    text = house.plan()
    return house.execute(text, *[house.request(text)] * 17)
