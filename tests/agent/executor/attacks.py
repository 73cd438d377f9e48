"""The forged drill of issue 2: what an attacker who owns the server can send, each with the code that must refuse it.

An attack is a function of the house. It may use everything that honest people signed (they go on working), the server's
own knowledge, and keys of its own making; it gives the device's reply. `rewrite` and the rest know only texts.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from tests.agent.executor.house import House, signature, step

from sereno_proto import sshsig
from sereno_proto.plan import read_plan, write_plan
from sereno_proto.roster import write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE, ROSTER_NAMESPACE
from sereno_proto.v1.runs_pb2 import MakePlan, Reply

Attack = Callable[[House], Reply]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(code: str) -> Callable[[Attack], Attack]:
    def register(function: Attack) -> Attack:
        ATTACKS[function.__name__.replace("_", " ")] = (code, function)
        return function

    return register


def rewrite(text: bytes, key: str, value: str) -> bytes:
    """The text with another value for one key."""
    changed, count = re.subn(rf"(?m)^{re.escape(key)}: .*$", f"{key}: {value}", text.decode())
    assert count == 1
    return changed.encode()


def add_line(text: bytes, line: str) -> bytes:
    return text + f"{line}\n".encode()


# signatures


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
    return house.execute(text, house.request(text), signature("witness", house.approve(text).sshsig))


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


# the text


@attack("E_PLAN_CHANGED")
def edited_after_signing(house):
    text = house.plan()
    signatures = house.request(text), house.approve(text)
    return house.execute(rewrite(text, "step.1.bound.bytes-removed-max", "1000000"), *signatures)


@attack("E_PLAN_CHANGED")
def edited_before_signing(house):
    text = rewrite(house.plan(), "step.1.effect", "Does nothing at all.")
    return house.execute_signed(text)


@attack("E_RISK_DOWNGRADED")
def downgraded_risk(house):
    text = rewrite(rewrite(house.plan(), "risk", "low"), "step.1.risk", "low")
    return house.execute(text, house.request(text), house.approve(text, "noa-0-approve"))


@attack("E_RISK_DOWNGRADED")
def downgraded_risk_of_the_whole(house):
    text = rewrite(house.plan(), "risk", "low")
    return house.execute(text, house.request(text), house.approve(text, "noa-0-approve"))


@attack("E_PLAN_UNKNOWN")
def a_plan_the_device_never_issued(house):
    plan = read_plan(house.plan())
    return house.execute_signed(write_plan(replace(plan, id="pln_" + "0" * 32, nonce="0" * 32)))


@attack("E_PLAN_UNKNOWN")
def a_plan_the_device_dropped(house):
    text = house.plan()
    house.folders.plans.joinpath(read_plan(text).id + ".plan").unlink()
    return house.execute_signed(text)


@attack("E_PLAN_DEVICE")
def another_devices_plan(house):
    other = House(house.folder, house.keys, "web-2")
    return house.execute_signed(other.plan())


@attack("E_PLAN_DEVICE")
def another_organisations_plan(house):
    text = rewrite(house.plan(), "organisation", "org_" + "a" * 32)
    return house.execute_signed(text)


@attack("E_PLAN_EXPIRED")
def expired(house):
    text = house.plan()
    house.now_ms += 1_800_000
    return house.execute_signed(text)


@attack("E_CLOCK_BACK")
def expired_and_the_clock_turned_back(house):
    text = house.plan()
    house.now_ms += 1_800_000
    house.execute_signed(text)
    house.now_ms -= 1_000_000
    return house.execute_signed(text)


@attack("E_PLAN_CHANGED")
def a_prolonged_life(house):
    text = house.plan()
    plan = read_plan(text)
    later = write_plan(
        replace(plan, issued=plan.issued + timedelta(hours=1), expires=plan.expires + timedelta(hours=1))
    )
    house.now_ms += 1_800_000
    return house.execute_signed(later)


@attack("E_PLAN_REPLAYED")
def replayed(house):
    text = house.plan()
    house.execute_signed(text)
    house.workers.applied.clear()
    return house.execute_signed(text)


@attack("E_PLAN_REPLAYED")
def replayed_after_a_restart(house):
    text = house.plan()
    house.execute_signed(text)
    house.workers.applied.clear()
    house.start()
    return house.execute_signed(text)


@attack("E_FIELD_REPEATED")
def a_repeated_field(house):
    text = add_line(house.plan(), "risk: low")
    return house.execute_signed(text)


@attack("E_FIELD_UNKNOWN")
def an_unknown_field(house):
    text = add_line(house.plan(), "step.1.shell: rm -rf /")
    return house.execute_signed(text)


@attack("E_DOCUMENT")
def a_step_hidden_by_another_order(house):
    lines = house.plan().decode().splitlines()
    text = "\n".join([*lines[:-1][:5], lines[-1], *lines[5:-1]]) + "\n"
    return house.execute_signed(text.encode())


@attack("E_DOCUMENT_KIND")
def another_kind_of_document(house):
    text = write_roster(house.roster)
    return house.execute_signed(text)


@attack("E_LIMIT")
def a_text_without_end(house):
    text = house.plan() + b"note: x\n" * 40_000
    return house.execute_signed(text)


# the roster


@attack("E_ROSTER_UNSIGNED")
def an_unsigned_roster(house):
    return house.offer(write_roster(house.make_roster(4)), [])


@attack("E_ROSTER_UNSIGNED")
def a_roster_signed_by_another_key(house):
    text = write_roster(house.make_roster(4))
    return house.offer(text, [house.key("mallory").sign(text, ROSTER_NAMESPACE)])


@attack("E_NAMESPACE")
def a_roster_signed_for_another_purpose(house):
    text = write_roster(house.make_roster(4))
    return house.offer(text, [house.root.sign(text, sshsig.ROOT_NAMESPACE)])


@attack("E_SIGNATURE_INVALID")
def another_rosters_signature(house):
    signed = house.root.sign(write_roster(house.make_roster(4)), ROSTER_NAMESPACE)
    return house.offer(write_roster(house.make_roster(5)), [signed])


@attack("E_ROSTER_LOWER")
def a_lower_roster(house):
    text = write_roster(house.make_roster(2))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_OTHER")
def another_roster_of_the_same_version(house):
    text = write_roster(house.make_roster(3, days=29))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_EXPIRED")
def an_expired_roster(house):
    text = write_roster(house.make_roster(4, issued=house.now - timedelta(days=40), days=30))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_ROSTER_EXPIRED")
def a_plan_after_the_pinned_roster_expired(house):
    house.pin(house.make_roster(3, issued=house.now - timedelta(days=30) + timedelta(seconds=60)))
    text = house.plan()
    house.now_ms += 60_000
    return house.execute_signed(text)


@attack("E_ROSTER_ORGANISATION")
def another_organisations_roster(house):
    text = write_roster(house.make_roster(4, organisation_id="org_" + "a" * 32))
    return house.offer(text, [house.root.sign(text, ROSTER_NAMESPACE)])


@attack("E_KEY_UNKNOWN")
def a_person_taken_off_the_roster(house):
    text = house.plan()
    signatures = house.request(text), house.approve(text)
    persons = tuple(person for person in house.roster.persons if person.name != "ana")
    newer = write_roster(house.make_roster(4, persons=persons))
    assert house.offer(newer, [house.root.sign(newer, ROSTER_NAMESPACE)]).WhichOneof("body") == "accepted"
    return house.execute(text, *signatures)


# the machine


@attack("E_TARGET_DRIFTED")
def a_target_swapped_after_the_plan(house):
    text = house.plan()
    copy = house.log.read_bytes()
    house.log.rename(house.log.with_suffix(".old"))
    house.log.write_bytes(copy)
    return house.execute_signed(text)


@attack("E_TARGET_DRIFTED")
def a_target_replaced_by_a_link(house):
    text = house.plan()
    house.log.rename(house.log.with_suffix(".old"))
    house.log.symlink_to(house.log.with_suffix(".old"))
    return house.execute_signed(text)


@attack("E_TARGET_DRIFTED")
def a_target_changed_after_the_plan(house):
    text = house.plan()
    with house.log.open("ab") as file:
        file.write(b"more")
    return house.execute_signed(text)


@attack("E_POLICY_FORBIDS")
def a_policy_that_forbids(house):
    house.write_policy("tidy")
    return house.make_plan()


@attack("E_POLICY_CHANGED")
def a_policy_that_forbids_since_the_plan(house):
    text = house.plan()
    house.write_policy("tidy")
    return house.execute_signed(text)


@attack("E_POLICY_INVALID")
def no_policy(house):
    text = house.plan()
    house.folders.policy.unlink()
    return house.execute_signed(text)


@attack("E_POLICY_INVALID")
def a_broken_policy(house):
    house.folders.policy.write_text("[actions\n")
    return house.make_plan()


@attack("E_OUTSIDE_POLICY")
def a_watch_path_outside_the_policy(house):
    return house.make_plan(step("rotate", "rotate_logs", parameters={"folder": "/etc"}))


@attack("E_ACTION_UNKNOWN")
def an_action_of_the_servers_own(house):
    return house.make_plan(step("run", "run_shell"))


@attack("E_ACTION_CODE")
def the_actions_code_changed_since_the_plan(house):
    text = house.plan()
    house.catalogue.version = "2"
    return house.execute_signed(text)


@attack("E_RISK_DOWNGRADED")
def the_actions_risk_rose_since_the_plan(house):
    text = house.plan()
    house.catalogue.risks["rotate_logs"] = "high"
    return house.execute_signed(text)


@attack("E_LOCKDOWN")
def lockdown(house):
    text = house.plan()
    house.folders.lockdown.touch()
    return house.execute_signed(text)


@attack("E_LOCKDOWN")
def a_dry_run_in_lockdown(house):
    house.folders.lockdown.touch()
    return house.make_plan()


@attack("E_DOCUMENT")
def a_run_id_that_forges_lines(house):
    return house.make_plan(run_id="run_1\nrisk: low")


@attack("E_LIMIT")
def a_plan_without_steps(house):
    return house.command(make_plan=MakePlan(run_id="run_1", playbook="x", requester="server"))


@attack("E_BAD_REQUEST")
def a_command_for_the_core(house):
    return house.command(run_check={"check": "disk_space"})
