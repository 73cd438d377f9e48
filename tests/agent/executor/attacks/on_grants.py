"""Attacks on what was granted in advance: widened, turned to another device, repeated, trigger or count forged."""

import shutil
from dataclasses import replace
from datetime import timedelta

from tests.agent.executor.attacks.attack import attack, rewrite
from tests.agent.executor.granting import attempt, bounds, offer, offer_text, revoke, sign, standing

from sereno_proto.grants import BOUNDS, GrantedDevice, write_grant


@attack("E_SIGNATURE_MISSING")
def bounds_that_nobody_signed(house):
    return offer_text(house, write_grant(bounds(house)), [])


@attack("E_APPROVALS_TOO_FEW")
def bounds_approved_like_a_plan_that_was_seen(house):
    return offer(house, bounds(house), "noa-0-approve")


@attack("E_APPROVER_IS_REQUESTER")
def bounds_that_the_requester_approves(house):
    return offer(house, bounds(house, requester="ana"), "ana-0-approve", "ana-1-approve")


@attack("E_NAMESPACE")
def signatures_on_bounds_taken_for_a_standing_grant(house):
    text = write_grant(standing(house))
    return offer_text(house, text, sign(house, text, BOUNDS))


@attack("E_NAMESPACE")
def signatures_on_a_plan_taken_for_bounds(house):
    text = write_grant(bounds(house))
    return offer_text(house, text, [house.request(text), house.approve(text)])


@attack("E_GRANT_DEVICE")
def bounds_signed_for_one_device_used_on_another(house):
    return offer(house, bounds(house, devices=(GrantedDevice("dev_other", "web-1"),)))


@attack("E_SIGNATURE_INVALID")
def a_device_added_to_signed_bounds(house):
    grant = bounds(house, devices=(GrantedDevice("dev_other", "web-2"),))
    signatures = sign(house, write_grant(grant), BOUNDS)
    added = replace(grant, devices=(*grant.devices, GrantedDevice(house.id, "web-1")))
    return offer_text(house, write_grant(added), signatures)


def _bent(house, grant, key, value):
    text = write_grant(grant)
    return offer_text(house, rewrite(text, key, value), sign(house, text, grant.kind))


@attack("E_SIGNATURE_INVALID")
def a_standing_grant_used_more_often_than_signed(house):
    return _bent(house, standing(house), "uses", "99")


@attack("E_SIGNATURE_INVALID")
def a_standing_grant_with_a_wider_trigger(house):
    return _bent(house, standing(house), r"trigger.1", "disk_space(folder=app-logs).free_percent < 101")


@attack("E_SIGNATURE_INVALID")
def a_standing_grant_with_a_higher_limit(house):
    return _bent(house, standing(house), r"step.1.bound.targets-max", "500")


@attack("E_SIGNATURE_INVALID")
def a_standing_grant_without_its_pause(house):
    return _bent(house, standing(house), "pause", "60")


@attack("E_SIGNATURE_INVALID")
def a_grant_that_is_valid_for_longer(house):
    return _bent(house, bounds(house), "expires", (house.now + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ"))


@attack("E_DOCUMENT")
def a_grant_without_end(house):
    return _bent(house, bounds(house), "expires", (house.now + timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ"))


@attack("E_DOCUMENT")
def a_grant_said_to_have_been_seen(house):
    return _bent(house, bounds(house), "seen-on-device", "yes")


@attack("E_DOCUMENT_KIND")
def a_plan_offered_as_a_grant(house):
    return offer_text(house, house.plan(), [])


@attack("E_RISK_DOWNGRADED")
def a_grant_that_states_less_risk(house):
    grant = bounds(house)
    step = replace(grant.steps[0], action="rotate_logs", code=house.catalogue.action_code("rotate_logs"))
    return offer(house, replace(grant, steps=(step,)))


@attack("E_GRANT_RISK")
def what_has_high_risk_granted_in_advance(house):
    grant = bounds(house)
    code = house.catalogue.action_code("format_disk")
    step = replace(grant.steps[0], action="format_disk", code=code, risk="high")
    return offer(house, replace(grant, steps=(step,), risk="high"), "noa-0-approve", "ana-0-approve", "ben-0-approve")


@attack("E_ACTION_CODE")
def a_granted_action_whose_code_changed(house):
    grant = bounds(house)
    house.catalogue.version = "2"
    return offer(house, grant)


@attack("E_POLICY_FORBIDS")
def a_granted_action_that_the_owner_does_not_allow(house):
    grant = bounds(house)
    house.write_policy("rotate_logs")
    return offer(house, grant)


@attack("E_BOUND")
def bounds_that_the_dry_run_exceeds(house):
    grant = bounds(house)
    step = replace(grant.steps[0], bounds={"targets-max": 3, "bytes-removed-max": 999})
    return offer(house, replace(grant, steps=(step,)))


@attack("E_BOUND")
def a_limit_of_the_action_that_nobody_signed(house):
    grant = bounds(house)
    return offer(house, replace(grant, steps=(replace(grant.steps[0], bounds={"targets-max": 3}),)))


@attack("E_GRANT_USED")
def bounds_carried_out_a_second_time(house):
    grant = bounds(house)
    offer(house, grant)
    house.workers.applied.clear()
    return offer(house, grant)


@attack("E_GRANT_USED")
def bounds_carried_out_again_after_a_restart(house):
    grant = bounds(house)
    offer(house, grant)
    house.workers.applied.clear()
    house.start()
    return offer(house, grant)


@attack("E_GRANT_EARLY")
def bounds_before_their_window(house):
    return offer(house, bounds(house, not_before=house.now + timedelta(hours=1)))


@attack("E_GRANT_EXPIRED")
def bounds_after_their_window(house):
    grant = bounds(house)
    house.now_ms += 3 * 86_400_000
    return offer(house, grant)


@attack("E_CLOCK_BACK")
def a_clock_set_back_into_the_window(house):
    grant = bounds(house)
    house.now_ms += 3 * 86_400_000
    offer(house, grant)
    house.now_ms -= 2 * 86_400_000
    return offer(house, grant)


@attack("E_LOCKDOWN")
def a_grant_in_lockdown(house):
    house.folders.lockdown.touch()
    return offer(house, bounds(house))


@attack("E_GRANT_TRIGGER")
def a_trigger_that_only_the_server_says_holds(house):
    offer(house, standing(house))
    return attempt(house)


@attack("E_GRANT_UNKNOWN")
def a_grant_that_was_never_offered(house):
    return attempt(house)


@attack("E_GRANT_PAUSE")
def a_standing_grant_without_rest(house):
    _used(house)
    return attempt(house)


@attack("E_GRANT_USED")
def a_standing_grant_once_more_than_signed(house):
    _used(house)
    house.now_ms += 3_600_000
    attempt(house)
    house.now_ms += 3_600_000
    house.workers.applied.clear()
    return attempt(house)


@attack("E_GRANT_REVOKED")
def a_revoked_grant(house):
    offer(house, standing(house))
    revoke(house)
    house.workers.free_percent = [5.0]
    return attempt(house)


@attack("E_GRANT_REVOKED")
def a_revoked_grant_offered_again(house):
    grant = bounds(house, id="grt_2")
    lasting = replace(standing(house), id="grt_2")
    offer(house, lasting)
    revoke(house, "grt_2")
    house.workers.free_percent = [5.0]
    assert offer_text(house, write_grant(grant), []).refusal.code == "E_PLAN_CHANGED"
    offer(house, lasting)
    return attempt(house, "grt_2")


@attack("E_KEY_UNKNOWN")
def a_standing_grant_of_an_approver_who_was_removed(house):
    offer(house, standing(house))
    persons = tuple(person for person in house.roster.persons if person.name != "ana")
    house.pin(house.make_roster(4, persons=persons))
    house.workers.free_percent = [5.0]
    return attempt(house)


@attack("E_PLAN_CHANGED")
def another_grant_under_an_id_that_is_held(house):
    offer(house, standing(house))
    return offer(house, standing(house, playbook="disk.wipe"))


@attack("E_GRANT_UNKNOWN")
def a_path_for_a_grants_id(house):
    return attempt(house, "grt_1/../../plans/clock")


def _used(house):
    offer(house, standing(house))
    house.workers.free_percent = [5.0]
    assert not attempt(house).HasField("refusal")
    house.workers.applied.clear()


@attack("E_STATE_LOST")
def a_standing_grant_offered_anew_after_its_record_was_lost(house):
    """As after a folder was tidied, or an older disk restored: the count of its uses is gone."""
    offer(house, standing(house))
    (house.folders.grants / "grt_1.json").unlink()
    return offer(house, standing(house))


@attack("E_STATE_LOST")
def a_standing_grant_used_after_all_records_were_lost(house):
    offer(house, standing(house))
    shutil.rmtree(house.folders.grants)
    house.start()
    return attempt(house)
