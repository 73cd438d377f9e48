"""What people read is what they sign, on any terminal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.test_grants import GRANT, LASTING
from tests.proto.test_plan import PLAN

from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import require_text
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, write_roster
from sereno_server.cli import grants, plan_signing
from sereno_server.cli.plan_text import FOLD_MIN, folded, require_newest_roster

NOW = datetime(2026, 11, 21, 20, 0, 0, tzinfo=UTC)
ROSTER = Roster(
    "org_" + "a" * 32, 4, NOW, NOW + timedelta(days=9), (Person("noa", "Noa", "technician", ()),), DEFAULT_THRESHOLDS
)


@given(st.from_regex(r"[a-z][ -~]{0,300}", fullmatch=True), st.integers(FOLD_MIN, 120))
def test_a_folded_line_loses_nothing_and_only_its_start_stands_at_the_margin(line, width):
    rows = folded(line, width).splitlines()
    assert rows[0] + "".join(row.removeprefix("    ") for row in rows[1:]) == line
    assert all(row.startswith("    ") for row in rows[1:])
    assert all(len(row) <= width for row in rows)


def test_a_file_name_cannot_pass_for_a_line_of_the_plan():
    width = 80
    line = "step.1.target.1: absent -> truncated, inode 1, /srv/".ljust(width, "x") + "risk: low"
    assert folded(line, width).splitlines()[1] == "    risk: low"


def test_without_a_terminal_nothing_is_folded():
    assert folded("key: " + "x" * 500, 0) == "key: " + "x" * 500 + "\n"


@pytest.mark.parametrize(
    ("person", "playbook", "code"),
    [("ana", "disk.free_space", "E_REQUESTER_OTHER"), ("noa", "disk.other", "E_PLAN_CHANGED")],
)
def test_who_asks_signs_only_what_was_asked_for(person, playbook, code):
    with pytest.raises(SerenoError) as caught:
        plan_signing.check_request(PLAN, person, playbook)
    assert caught.value.code == code
    plan_signing.check_request(PLAN, "noa", "disk.free_space")
    plan_signing.check_request(PLAN, "noa", "")


def test_a_plan_of_another_device_than_the_one_asked_is_not_signed():
    plan_signing.check_request(PLAN, "noa", "", PLAN.device_name)
    plan_signing.check_request(PLAN, "noa", "", PLAN.device_id)
    with pytest.raises(SerenoError) as caught:
        plan_signing.check_request(PLAN, "noa", "", "another")
    assert caught.value.code == "E_PLAN_DEVICE"


def test_what_goes_by_an_older_roster_than_this_workstations_is_not_signed(tmp_path):
    require_newest_roster(1, tmp_path)
    (tmp_path / "roster.txt").write_bytes(write_roster(ROSTER))
    require_newest_roster(4, tmp_path)
    with pytest.raises(SerenoError) as caught:
        require_newest_roster(3, tmp_path)
    assert caught.value.code == "E_ROSTER_VERSION"


def asked_for(grant, **changes):
    asked = {
        "kind": grant.kind,
        "playbook": grant.playbook,
        "devices": [device.name for device in grant.devices],
        "uses": grant.uses,
        "pause_s": grant.pause_s,
        "triggers": [require_text(trigger) for trigger in grant.triggers],
        "hours": (grant.expires - grant.not_before).total_seconds() / 3600,
        "limits": {name: value for step in grant.steps for name, value in step.bounds.items()},
    }
    return asked | changes


@pytest.mark.parametrize("grant", [GRANT, LASTING])
def test_a_grant_that_is_what_was_asked_for_may_be_signed(grant):
    grants._check_asked(grant, grant.requester, asked_for(grant))
    grants._check_asked(grant, grant.requester, asked_for(grant, limits={}))


@pytest.mark.parametrize(
    "narrower",
    [
        {"uses": 1},
        {"pause_s": 7200},
        {"hours": 0.5},
        {"triggers": ["disk_space(folder=app-logs).free_percent < 5"]},
        {"triggers": []},
        {"limits": {"targets-max": 0}},
        {"limits": {f"{GRANT.steps[0].action}.targets-max": 0, "targets-max": 999}},
        {"devices": ["another"]},
        {"playbook": "disk.other"},
        {"kind": "bounds"},
    ],
)
def test_a_grant_that_the_server_widened_is_not_signed(narrower):
    with pytest.raises(SerenoError) as caught:
        grants._check_asked(LASTING, LASTING.requester, asked_for(LASTING, **narrower))
    assert caught.value.code == "E_PLAN_CHANGED"
