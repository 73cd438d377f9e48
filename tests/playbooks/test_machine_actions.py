"""Time, mounts, volumes, certificates, the journal and names: bounds of the policy and drift since the plan."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.playbooks.test_every_action import CASES

from sereno_agent import starting
from sereno_diagnostics.allowed import NamedMount, NamedVolume, WatchedCertificate
from sereno_playbooks.programs import PROGRAMS, Ended, vector
from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import Subject


def prepared(place, request, name):
    case = CASES[name](place, request)
    return place.plan(name, **case.parameters), lambda: place.plan(name, **case.parameters)


def test_a_clock_is_not_put_back_further_than_the_executor_bears(place, request):
    step, again = prepared(place, request, "resync_time")
    place.system.clock_offset_s = -1.5
    assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"  # it is ahead now, and was behind
    assert again().subjects[0].before == "ahead"
    place.system.clock_offset_s = -2.5
    assert place.refusal(again) == "E_BOUND"
    place.system.clock_offset_s = 300.0
    assert place.refusal(place.apply, step) == "E_BOUND"
    place.system.synchronised = False
    assert place.refusal(again) == place.refusal(place.apply, step) == "E_UNSETTLED"
    assert place.system.ran == []


def test_another_device_on_the_mount_is_left_alone(place, request):
    step, again = prepared(place, request, "remount_read_only")
    place.system.mounts["/srv/data"] = ("/dev/sdz9", "rw")
    place.system.write_mounts()
    assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"
    place.system.mounts = {"/srv/data2": ("/dev/sdb1", "rw")}
    place.system.write_mounts()
    assert place.refusal(again) == "E_NOT_FOUND"


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="mounts an image, as root")
def test_a_real_file_system_is_remounted_in_a_namespace_of_its_own(tmp_path):
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.playbooks.loop_mount"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, tmp_path.resolve()], capture_output=True, text=True, env=environment, check=False)
    found = json.loads(done.stdout or "null")
    if found is None:
        pytest.skip(f"no image can be mounted here: {done.stderr[-200:]}")
    assert found == [
        "written", "written", "Read-only file system", "", True, "written", "E_PROGRAM_FAILED", "written",
    ]  # fmt: skip


def test_a_busy_mount_fails_as_the_system_says(place, request):
    step, _ = prepared(place, request, "remount_read_only")
    place.system.busy = True
    with pytest.raises(SerenoError, match=r"E_PROGRAM_FAILED: mount ended with 32: .* mount point is busy"):
        place.apply(step)


def test_a_file_system_with_errors_is_not_made_writable(place, request):
    step, again = prepared(place, request, "remount_read_write")
    count = place.top / "root/sys/fs/ext4/sdb1/errors_count"
    count.parent.mkdir(parents=True)
    count.write_text("3\n")
    assert place.refusal(again) == place.refusal(place.apply, step) == "E_UNSAFE"
    place.names["mounts"] = {"data": NamedMount("data", Path("/srv/data"), ("ro",))}
    count.write_text("0\n")
    assert place.refusal(again) == "E_POLICY_FORBIDS"


def test_a_volume_grows_within_policy_and_group_only(place, request):
    step, again = prepared(place, request, "extend_volume")
    place.system.group_free = 1 << 30
    assert place.refusal(place.apply, step) == place.refusal(again) == "E_BOUND"
    place.system.group_free = 50 << 30
    place.names["volumes"] = {"data": NamedVolume("data", "vg0/data", 20 << 30)}
    assert place.refusal(place.apply, step) == place.refusal(again) == "E_BOUND"
    place.names["volumes"] = {"data": NamedVolume("data", "vg0/data", 90 << 30)}
    place.system.volumes["vg0/data"] = 12 << 30
    assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"
    place.system.volumes["vg0/data"] = 10 << 30
    huge = Subject("volume", "vg0/data", str(10 << 30), str(80 << 30))
    assert place.refusal(place.apply, replace(step, subjects=(huge,))) == "E_BOUND"
    assert place.system.ran == []


def test_a_volume_is_extended_in_whole_extents(place, request):
    CASES["extend_volume"](place, request)
    place.system.volumes["vg0/data"] = (10 << 30) + (1 << 22)
    step = place.plan("extend_volume", volume="data", add_gb="1")
    assert int(step.subjects[0].after) == (11 << 30) + (1 << 22)
    place.apply(step)
    assert place.system.ran[-1] == ("lvextend", "--resizefs", "--size", f"{(11 << 30) + (1 << 22)}b", "vg0/data")


def test_a_renewal_that_renews_nothing_has_failed(place, request):
    step, again = prepared(place, request, "renew_certificate")
    place.system._certbot = lambda words: Ended(0, "nothing due")
    with pytest.raises(SerenoError, match="E_REQUIRE_FAILED"):
        place.apply(step)
    place.system._certbot = lambda words: Ended(1, "", "hunter2 was refused")
    with pytest.raises(SerenoError, match=r"E_PROGRAM_FAILED: .* ended with 1: \[redacted\] was refused"):
        place.apply(step)
    place.shown = place.shown._replace(not_after_s=1_700_000_000)
    assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"
    place.names["certificates"] = {"site": WatchedCertificate("site", Path("/etc/ssl/site.pem"))}
    assert place.refusal(again) == "E_POLICY_FORBIDS"


@pytest.mark.slow
def test_a_real_certificate_is_replaced_by_the_owners_command(place):
    folder = place.conf.parent
    for name, days in (("site", 5), ("later", 90)):
        (folder / f"{name}.pem").write_bytes(certificate(days))
    renew = ("/bin/cp", str(folder / "later.pem"), str(folder / "site.pem"))
    place.names["certificates"] = {"site": WatchedCertificate("site", folder / "site.pem", renew=renew)}
    place.start = starting.start
    step = place.plan("renew_certificate", certificate="site")
    place.apply(step)
    assert (folder / "site.pem").read_bytes() == (folder / "later.pem").read_bytes()
    assert place.apply(step).undo_data == ""
    again = place.plan("renew_certificate", certificate="site")
    assert again.subjects[0].before > step.subjects[0].before
    with pytest.raises(SerenoError, match="E_REQUIRE_FAILED"):
        place.apply(again)


def certificate(days):
    """One that signs itself, for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_of_the_journal_stays_what_the_policy_says(place, request):
    step, again = prepared(place, request, "vacuum_journal")
    place.names["journal_keep_bytes"] = 500 << 20
    assert place.refusal(place.apply, step) == place.refusal(again) == "E_OUTSIDE_POLICY"
    place.names["journal_keep_bytes"] = 0
    assert place.refusal(place.apply, step) == place.refusal(again) == "E_POLICY_FORBIDS"
    place.names["journal_keep_bytes"] = 50 << 20
    place.system.journal_bytes = 9 << 30
    assert place.refusal(place.apply, step) == "E_BOUND"


def test_a_machine_that_stays_up_has_not_been_rebooted(place, request):
    step, _ = prepared(place, request, "reboot_machine")
    place.system.reboot = lambda: None
    with pytest.raises(SerenoError, match="E_REQUIRE_FAILED: the machine is still up 300 s"):
        place.apply(step)
    assert place.waited == [1.0] * 300


@pytest.mark.parametrize(
    ("program", "gaps"),
    [
        ("volume_extend", {"bytes": "1b", "volume": "--yes"}),
        ("volume_extend", {"bytes": "1b", "volume": "vg0/../x"}),
        ("volume_extend", {"bytes": "-1b", "volume": "vg0/data"}),
        ("volume_extend", {"bytes": "100%FREE", "volume": "vg0/data"}),
        ("remount_rw", {"path": "relative"}),
        ("remount_rw", {"path": "/a\n/b"}),
        ("journal_vacuum", {"megabytes": "0"}),
        ("journal_vacuum", {"megabytes": "1 --sync"}),
        ("apt_hold", {"package": "--all"}),
        ("unit", {}),
    ],
)
def test_no_gap_takes_an_option_or_a_second_word(program, gaps):
    with pytest.raises(SerenoError, match="E_PARAMETER"):
        vector(program, **gaps)


def test_programs_are_vectors_without_a_shell():
    shells = {"sh", "bash", "env", "sudo", "su", "python3", "perl", "xargs", "nsenter", "systemd-run"}
    assert not shells & {one.vector[0] for one in PROGRAMS.values()}
    assert all(one.timeout_s < 600 for one in PROGRAMS.values())
