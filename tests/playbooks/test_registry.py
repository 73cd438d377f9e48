"""Actions by name: their risk and code are the device's own; what is protected stays so."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sereno_diagnostics.allowed import WatchedFile, WatchedFolder
from sereno_playbooks import registry
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import Requirement, Step

RISKS = {
    "low": [
        "clear_package_cache", "enable_service", "flush_dns_cache", "pin_package", "renice_process", "rotate_logs",
        "start_service", "unmask_service", "unpin_package",
    ],
    "medium": [
        "disable_service", "extend_volume", "install_package", "kill_process", "mask_service", "remount_read_only",
        "remount_read_write", "remove_old_files", "renew_certificate", "restart_service", "restore_file", "resync_time",
        "rollback_package", "stop_service", "truncate_deleted_log", "upgrade_package", "vacuum_journal",
        "write_template",
    ],
    "high": ["reboot_machine"],
}  # fmt: skip


def test_risks_are_those_of_the_actions():
    risks = {name: registry.risk_of(name) for name in registry.names()}
    assert {risk: sorted(name for name in risks if risks[name] == risk) for risk in ("low", "medium", "high")} == RISKS
    assert registry.highest_risk(["rotate_logs"]) == "low"
    assert registry.highest_risk(["rotate_logs", "restore_file"]) == "medium"
    assert registry.highest_risk([]) == "low"


def test_the_code_digest_is_stable_and_differs_between_actions():
    digests = {registry.action_code(name) for name in registry.names()}
    assert len(digests) == len(registry.names())
    assert digests == {registry.action_code(name) for name in registry.names()}


@pytest.mark.parametrize("name", ["", "os", "__init__", "../files", "rotate_logs.py", "rotate_logs\n"])
def test_only_registered_actions_exist(name):
    for call in (registry.get, registry.risk_of, registry.action_code):
        with pytest.raises(SerenoError, match="E_ACTION_UNKNOWN"):
            call(name)


def test_a_plan_made_with_other_code_is_not_carried_out(place):
    place.log("app.log", b"x")
    step = place.plan("rotate_logs")
    assert place.refusal(place.apply, replace(step, code="sha256:" + "0" * 64)) == "E_ACTION_CODE"


def test_a_step_is_one_thing_with_known_parameters_and_comparisons(place):
    def code_of(step):
        return place.refusal(lambda: registry.plan(step, place.site))

    folder = {"folder": "app-logs"}
    require = {"check": "disk_space", "parameters": folder, "figure": "used_percent", "comparison": "<", "value": 70}
    good = Step(action="rotate_logs", parameters=folder, require=[Requirement(**require)])
    assert registry.plan(good, place.site).require[0].value == 70
    assert registry.plan(Step(check="disk_space", parameters=folder), place.site).effect == "Reads: Space used."
    assert code_of(Step()) == "E_PARAMETER"
    assert code_of(Step(action="rotate_logs", check="disk_space", parameters=folder)) == "E_PARAMETER"
    assert code_of(Step(action="rotate_logs")) == "E_PARAMETER"
    assert code_of(Step(action="rotate_logs", parameters={**folder, "force": "yes"})) == "E_PARAMETER"
    assert code_of(Step(action="rotate_logs", parameters={"folder": "elsewhere"})) == "E_OUTSIDE_POLICY"
    assert code_of(Step(action="rotate_logs", parameters=folder, on_failure="ignore")) == "E_PARAMETER"
    for wrong, code in (
        ({"check": "df"}, "E_CHECK_UNKNOWN"),
        ({"parameters": {"folder": "/"}}, "E_PARAMETER"),
        ({"parameters": {"folder": "elsewhere"}}, "E_OUTSIDE_POLICY"),
        ({"figure": "__class__"}, "E_PARAMETER"),
        ({"comparison": "~"}, "E_PARAMETER"),
        ({"value": float("nan")}, "E_PARAMETER"),
        ({"within_s": 100000}, "E_PARAMETER"),
    ):
        step = Step(action="rotate_logs", parameters=folder, when=[Requirement(**{**require, **wrong})])
        assert code_of(step) == code


@pytest.mark.parametrize(
    "path",
    [
        "/etc/sudoers.d",
        "/etc/pam.d",
        "/etc/security",
        "/etc",
        "/root/.ssh",
        "/etc/ssh",
        str(Path(registry.__file__).parent),
    ],
)
def test_protected_folders_are_never_worked_in(place, path):
    if not os.access(path, os.R_OK | os.X_OK):
        pytest.skip(f"{path} is not on this machine, or not for this user")
    place.folder = WatchedFolder("app-logs", Path(path), rotate=("passwd*", "sudoers*"), remove=("shadow*",), keep=0)
    for action in ("rotate_logs", "remove_old_files"):
        if path == "/etc":
            assert place.plan(action).targets == ()
        else:
            assert place.refusal(lambda action=action: place.plan(action)) == "E_PROTECTED_PATH"


@pytest.mark.parametrize("name", ["state/identity", "state", "home/.ssh", "conf/authorized_keys"])
def test_serenos_own_files_and_authorized_keys_are_protected(place, name):
    path = place.top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("authorized_keys"):
        path.write_bytes(b"ssh-ed25519 x\n")
        place.file = WatchedFile("app-config", path, restore=True)
        (digest,) = place.keep_versions(b"ssh-ed25519 evil\n")
        assert place.refusal(lambda: place.plan("restore_file", digest=digest)) == "E_PROTECTED_PATH"
        return
    path.mkdir(exist_ok=True)
    place.folder = WatchedFolder("app-logs", path, rotate=("*",), remove=("*",), keep=0)
    for action in ("rotate_logs", "remove_old_files"):
        assert place.refusal(lambda action=action: place.plan(action)) == "E_PROTECTED_PATH"


def test_a_file_that_runs_with_another_users_rights_is_protected(place):
    place.conf.write_bytes(b"x")
    place.conf.chmod(0o4755)
    (digest,) = place.keep_versions(b"y")
    assert place.refusal(lambda: place.plan("restore_file", digest=digest)) == "E_PROTECTED_PATH"


def test_a_folder_that_is_a_link_is_refused(place):
    shutil.rmtree(place.logs)
    place.logs.symlink_to(place.conf.parent)
    for action in ("rotate_logs", "remove_old_files"):
        assert place.refusal(lambda action=action: place.plan(action)) == "E_OUTSIDE_POLICY"
