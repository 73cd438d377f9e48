"""Ways with what was granted in advance: widened, lent to another machine, repeated, forged, early, late, lost."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.hostile.stage import HostileStage, edited
from tests.hostile.way import way

from sereno_proto.errors import Refused
from sereno_proto.grants import BOUNDS, STANDING, Grant, GrantedDevice, write_grant
from sereno_proto.planned_step import Require
from sereno_proto.v1.runs_pb2 import Command, RevokeGrant, TryGrant

NEVER = Require("disk_space", {"folder": "app-logs"}, "free_percent", "<", -1)


def standing(stage: HostileStage, **changes: object) -> Grant:
    """Whenever less than nothing is free: held by the device, and never used."""
    lasting = {"kind": STANDING, "uses": 2, "pause_s": 3600, "triggers": (NEVER,)}
    return stage.grant(**(lasting | changes))


def bent(stage: HostileStage, grant: Grant, key: str, value: str) -> None:
    """Signed by everybody, then one line of it changed."""
    text = write_grant(grant)
    stage.offer_text(edited(text, key, value), stage.sign_grant(text, grant.kind))


@way("E_SIGNATURE_MISSING")
def bounds_that_nobody_signed(stage: HostileStage) -> None:
    stage.offer_text(write_grant(stage.grant()), [])


@way("E_APPROVALS_TOO_FEW")
def bounds_approved_like_a_plan_that_was_seen(stage: HostileStage) -> None:
    stage.offer(stage.grant(), ("noa", "approve"), ("iker", "approve"))


@way("E_APPROVALS_TOO_FEW")
def bounds_approved_by_one_persons_two_keys(stage: HostileStage) -> None:
    stage.offer(stage.grant(), ("noa", "approve"), ("iker", "approve"), ("iker", "approve-2"))


@way("E_APPROVER_IS_REQUESTER")
def bounds_that_the_requester_approves(stage: HostileStage) -> None:
    stage.offer(stage.grant(requester="iker"), ("iker", "approve"), ("iker", "approve-2"), ("ane", "approve"))


@way("E_GRANT_DEVICE")
def bounds_signed_for_another_machine(stage: HostileStage) -> None:
    stage.offer(stage.grant(devices=(GrantedDevice(stage.second, "web-2"),)))


@way("E_SIGNATURE_INVALID")
def bounds_with_this_machine_written_in(stage: HostileStage) -> None:
    here = f"{stage.joined['device_id']} {stage.joined['name']}"
    bent(stage, stage.grant(devices=(GrantedDevice(stage.second, "web-2"),)), "device.1", here)


@way("E_SIGNATURE_INVALID")
def bounds_with_a_raised_limit(stage: HostileStage) -> None:
    bent(stage, stage.grant(), "step.1.bound.files-max", "5000")


@way("E_SIGNATURE_INVALID")
def bounds_with_a_later_end(stage: HostileStage) -> None:
    later = (datetime.now(UTC) + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bent(stage, stage.grant(), "expires", later)


@way("E_SIGNATURE_INVALID")
def bounds_for_another_action(stage: HostileStage) -> None:
    bent(stage, stage.grant(), "step.1.parameter.1", "folder=app-config")


@way("E_NAMESPACE")
def signatures_of_bounds_on_a_standing_grant(stage: HostileStage) -> None:
    text = write_grant(standing(stage))
    stage.offer_text(text, stage.sign_grant(text, BOUNDS))


@way("E_NAMESPACE")
def approvals_of_a_plan_on_bounds(stage: HostileStage) -> None:
    text = write_grant(stage.grant())
    stage.offer_text(text, stage.all_signatures(text))


@way("E_SIGNATURE_INVALID")
def a_standing_grant_with_another_trigger(stage: HostileStage) -> None:
    bent(stage, standing(stage), "trigger.1", "disk_space(folder=app-logs).free_percent < 101")


@way("E_SIGNATURE_INVALID")
def a_standing_grant_with_more_uses(stage: HostileStage) -> None:
    bent(stage, standing(stage), "uses", "100")


@way("E_SIGNATURE_INVALID")
def a_standing_grant_without_its_pause(stage: HostileStage) -> None:
    bent(stage, standing(stage), "pause", "60")


@way("E_DOCUMENT")
def a_standing_grant_for_longer_than_a_week(stage: HostileStage) -> None:
    grant = standing(stage)
    text = edited(write_grant(grant), "expires", "2031-01-01T00:00:00Z")
    stage.offer_text(text, stage.sign_grant(text, STANDING))


@way("E_PLAN_CHANGED")
def a_held_standing_grant_offered_with_another_text(stage: HostileStage) -> None:
    """Signed twice by everybody: the device keeps the text that it took under this id."""
    grant = standing(stage)
    stage.offer(grant)
    try:
        stage.offer(replace(grant, uses=50))
    finally:
        stage.send(Command(revoke_grant=RevokeGrant(grant_id=grant.id)))


@way("E_COMMAND_UNKNOWN")
def the_server_says_that_the_trigger_holds(stage: HostileStage) -> None:
    grant = standing(stage)
    stage.offer(grant)
    try:
        stage.send(Command(try_grant=TryGrant(grant_id=grant.id)))
    finally:
        stage.send(Command(revoke_grant=RevokeGrant(grant_id=grant.id)))


@way("E_GRANT_EARLY")
def bounds_before_their_window(stage: HostileStage) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    stage.offer(stage.grant(not_before=begin, expires=begin + timedelta(hours=1)))


@way("E_GRANT_EXPIRED")
def bounds_after_their_window(stage: HostileStage) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    stage.offer(stage.grant(not_before=begin, expires=begin + timedelta(hours=1)))


@way("E_GRANT_RISK")
def bounds_of_high_risk(stage: HostileStage) -> None:
    stage.offer(stage.grant(risk="high"))


@way("E_RISK_DOWNGRADED")
def bounds_that_understate_their_risk(stage: HostileStage) -> None:
    grant = stage.grant(risk="low")
    stage.offer(replace(grant, steps=tuple(replace(step, risk="low") for step in grant.steps)))


@way("E_ACTION_CODE")
def bounds_for_an_action_of_other_code(stage: HostileStage) -> None:
    grant = stage.grant()
    stage.offer(replace(grant, steps=tuple(replace(step, code="sha256:" + "d" * 64) for step in grant.steps)))


@way("E_BOUND")
def bounds_whose_dry_run_goes_further(stage: HostileStage) -> None:
    grant = stage.grant()
    limits = {**grant.steps[0].bounds, "bytes-removed-max": 10}
    stage.offer(replace(grant, steps=(replace(grant.steps[0], bounds=limits),)))


@way("E_GRANT_REVOKED")
def bounds_offered_again_after_they_were_revoked(stage: HostileStage) -> None:
    grant = stage.grant()
    grant = replace(grant, steps=(replace(grant.steps[0], bounds={**grant.steps[0].bounds, "bytes-removed-max": 10}),))
    text = write_grant(grant)
    signatures = stage.sign_grant(text, BOUNDS)
    with pytest.raises(Refused, match="E_BOUND"):  # it is held now, and did nothing
        stage.offer_text(text, signatures)
    stage.send(Command(revoke_grant=RevokeGrant(grant_id=grant.id)))
    stage.offer_text(text, signatures)


@way("E_ROSTER_VERSION")
def a_removed_approver_while_the_roster_is_withheld(stage: HostileStage) -> None:
    """People sign by the roster that they have; a device that was never given it does not act on an older one."""
    stage.offer(stage.grant(roster_version_min=stage.roster().version + 1))


@way("E_GRANT_USED", after=True)
def the_bounds_that_people_wanted_once_more(stage: HostileStage) -> None:
    _, text, signatures = stage.honest_grant
    stage.offer_text(text, signatures)


@way("E_STATE_LOST", after=True)
def the_bounds_that_people_wanted_after_their_record_was_lost(stage: HostileStage) -> None:
    """As a restored or tidied disk would do: how often the grant was used is gone."""
    grant, text, signatures = stage.honest_grant
    path = stage.place.agent / "pins" / "grants" / f"{grant.id}.json"
    aside = stage.place.folder / "grant-aside"
    shutil.move(path, aside)
    try:
        stage.offer_text(text, signatures)
    finally:
        shutil.move(aside, path)
        stage.before = stage.files()
