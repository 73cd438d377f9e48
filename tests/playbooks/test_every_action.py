"""What holds of every action: its dry run changes nothing, apply does what the plan says, and a second one nothing;
revert brings back what its UNDO promises; what it may change is what the plan names.

The system is a fake one here (fake_system.py), files, folders and processes are real.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sereno_agent.worker_host import WorkerHost
from sereno_diagnostics.allowed import (
    NamedMount,
    NamedPackage,
    NamedProcess,
    NamedTemplate,
    NamedVolume,
    Slot,
    WatchedCertificate,
    WatchedService,
)
from sereno_diagnostics.machine import Nothing, Shown
from sereno_playbooks import registry
from sereno_playbooks.programs import Ended
from sereno_proto.planned_step import CANNOT_BE_UNDONE, RISKS, PlannedStep, Subject, read_steps, steps_fields

SERVICES = ("restart", "start", "stop", "enable", "disable", "mask", "unmask")
MARK = f"sereno-every-{os.getpid()}"


class Case(NamedTuple):
    """A place where the action has something to do. state: all that it might change, as it is at the moment."""

    parameters: dict[str, str]
    state: Callable[[], object]
    undone: bool = True  # whether revert brings the very state back


def service(verb: str, active: str = "active", file: str = "enabled", **more) -> Callable[..., Case]:
    def prepare(place, _request) -> Case:
        place.names["services"] = {"web": WatchedService("web", "nginx.service", (verb,))}
        unit = place.system.unit("nginx.service", active, file, **more)
        place.system.unit("sshd.service")
        hidden = {"InvocationID"} if verb in {"stop", "restart"} else set()
        return Case(
            {"service": "web"},
            lambda: ({key: unit[key] for key in unit if key not in hidden}, place.system.units["sshd.service"].copy()),
        )

    return prepare


def rotate_logs(place, _request) -> Case:
    place.log("app.log", b"one\n")
    return Case({"folder": "app-logs"}, place.contents)


def remove_old_files(place, _request) -> Case:
    for number in range(1, 6):
        place.log(f"app.log.{number}", b"x" * number, age_s=number)
    return Case({"folder": "app-logs"}, place.snapshot, undone=False)


def restore_file(place, _request) -> Case:
    place.conf.write_bytes(b"now")
    digest, _ = place.keep_versions(b"earlier", b"now")
    return Case({"file": "app-config", "digest": digest}, place.conf.read_bytes)


def vacuum_journal(place, _request) -> Case:
    place.system.journal_bytes = 900 << 20
    place.names["journal_keep_bytes"] = 100 << 20
    return Case({"keep_mb": "100"}, lambda: place.system.journal_bytes, undone=False)


def clear_package_cache(place, _request) -> Case:
    place.system.cache = place.top / "root/var/cache/apt/archives"
    place.system.cache.mkdir(parents=True)
    for name in ("nginx_1.22.1-9_amd64.deb", "lock"):
        (place.system.cache / name).write_bytes(b"x" * 100)
    place.machine = WorkerHost(root=str(place.top / "root"))
    return Case({}, place.snapshot, undone=False)


def _process(place, request) -> subprocess.Popen:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code, MARK], stdout=subprocess.PIPE)

    def end() -> None:
        process.kill()
        process.wait()
        process.stdout.close()

    request.addfinalizer(end)
    assert process.stdout.readline() == b"ready\n"
    name = os.path.basename(sys.executable)[:15]  # noqa: PTH119, as the kernel calls it
    place.names["processes"] = {"worker": NamedProcess("worker", name, MARK, "", ("kill", "renice"))}
    return process


def kill_process(place, request) -> Case:
    process = _process(place, request)
    return Case({"process": "worker"}, lambda: process.poll() == -signal.SIGTERM, undone=False)


def renice_process(place, request) -> Case:
    process = _process(place, request)
    return Case(
        {"process": "worker", "nice": "5"},
        lambda: os.getpriority(os.PRIO_PROCESS, process.pid),
        undone=os.geteuid() == 0,
    )


def _package(verb: str, **have: tuple[str, str]) -> Callable[..., Case]:
    def prepare(place, _request) -> Case:
        place.names["packages"] = {"web": NamedPackage("web", "nginx", (verb,))}
        place.system.packages = {"libc6": ("2.36-9", "install"), **have}
        place.system.known = {"nginx": ("1.22.1-9", "1.22.1-9+deb12u1"), "nginx-common": ("1.22.1-9+deb12u1",)}
        place.system.needs = {"nginx": ("nginx-common",)}
        more = {"version": "1.22.1-9"} if verb == "rollback" else {}
        return Case({"package": "web", **more}, lambda: dict(sorted(place.system.packages.items())))

    return prepare


OLD, NEW = ("1.22.1-9", "install"), ("1.22.1-9+deb12u1", "install")


def flush_dns_cache(place, _request) -> Case:
    place.system.dns_answers = 42
    return Case({}, lambda: place.system.dns_answers, undone=False)


def resync_time(place, _request) -> Case:
    place.system.clock_offset_s = 3.2
    return Case({}, lambda: place.system.clock_offset_s, undone=False)


def _remount(mode: str, before: str) -> Callable[..., Case]:
    def prepare(place, _request) -> Case:
        path = place.top / "root/proc/self/mounts"
        path.parent.mkdir(parents=True)
        place.machine = WorkerHost(root=str(place.top / "root"))
        place.names["mounts"] = {"data": NamedMount("data", Path("/srv/data"), (mode,))}
        system = place.system
        system.mounts = {"/srv/data": ("/dev/sdb1", before), "/srv/data2": ("/dev/sdc1", before)}
        system.write_mounts = lambda: path.write_text(
            "".join(f"{device} {at} ext4 {mode},relatime 0 0\n" for at, (device, mode) in system.mounts.items())
        )
        system.write_mounts()
        return Case({"mount": "data"}, lambda: dict(system.mounts))

    return prepare


def extend_volume(place, _request) -> Case:
    place.names["volumes"] = {"data": NamedVolume("data", "vg0/data", 90 << 30)}
    place.system.volumes, place.system.group_free = {"vg0/data": 10 << 30, "vg0/root": 8 << 30}, 50 << 30
    return Case({"volume": "data", "add_gb": "15"}, lambda: dict(place.system.volumes), undone=False)


def write_template(place, _request) -> Case:
    path = place.conf.parent / "limits.conf"
    path.write_bytes(b"workers = 2\nmode = fast\n")
    slots = {"workers": Slot(1, 64), "mode": Slot(choices=("safe", "fast"))}
    text = "workers = {workers}\nmode = {mode}\n"
    place.names["templates"] = {"limits": NamedTemplate("limits", path, text, slots)}
    return Case({"template": "limits", "settings": "mode=safe,workers=8"}, path.read_bytes)


def renew_certificate(place, _request) -> Case:
    place.shown = Shown("site", "authority", 0, 1_800_000_000, ())
    place.machine = type("Shows", (Nothing,), {"certificates": lambda self, path: ((place.shown,), "")})()
    renew = ("/usr/bin/certbot", "renew", "--cert-name", "site")
    place.names["certificates"] = {"site": WatchedCertificate("site", Path("/etc/ssl/site.pem"), renew=renew)}

    def certbot(words) -> Ended:
        place.system.on_change(words)
        place.shown = place.shown._replace(not_after_s=1_807_000_000)
        return Ended(0, "")

    place.system._certbot = certbot
    return Case({"certificate": "site"}, lambda: place.shown, undone=False)


def truncate_deleted_log(place, request) -> Case:
    path = place.log("app.log", b"")
    log = path.open("ab", buffering=0)
    request.addfinalizer(log.close)
    log.write(b"line\n" * 1000)
    path.unlink()
    return Case({"folder": "app-logs"}, lambda: os.fstat(log.fileno()).st_size, undone=False)


def reboot_machine(place, _request) -> Case:
    boot = place.top / "root/proc/sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("11111111-2222-3333-4444-555555555555\n")
    place.machine = WorkerHost(root=str(place.top / "root"))
    place.system.unit("reboot.target", "inactive", "static")
    place.system.reboot = lambda: boot.write_text(f"{place.system.reboots:08d}-2222-3333-4444-555555555555\n")
    return Case({}, boot.read_text, undone=False)


CASES = {
    "install_package": _package("install"),
    "upgrade_package": _package("upgrade", nginx=OLD, **{"nginx-common": NEW}),
    "rollback_package": _package("rollback", nginx=NEW, **{"nginx-common": NEW}),
    "pin_package": _package("pin", nginx=OLD),
    "unpin_package": _package("pin", nginx=("1.22.1-9", "hold")),
    "remount_read_only": _remount("ro", "rw"),
    "remount_read_write": _remount("rw", "ro"),
    "restart_service": service("restart"),
    "start_service": service("start", "inactive"),
    "stop_service": service("stop"),
    "enable_service": service("enable", file="disabled"),
    "disable_service": service("disable"),
    "mask_service": service("mask"),
    "unmask_service": service("unmask", "inactive", "masked", LoadState="masked", Was="enabled", CanStart="no"),
} | {
    prepare.__name__: prepare
    for prepare in (
        rotate_logs, remove_old_files, restore_file, vacuum_journal, clear_package_cache, kill_process, renice_process,
        flush_dns_cache, resync_time, extend_volume, write_template, renew_certificate, truncate_deleted_log,
        reboot_machine,
    )
}  # fmt: skip

# One of them looks at every process of the machine, which takes its time on a busy one.
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "truncate_deleted_log" else []) for name in sorted(CASES)
]
REPEATABLE = {"restart_service", "renew_certificate", "extend_volume", "reboot_machine"}


def test_every_action_has_a_case_here():
    assert CASES.keys() == set(registry.names())


@pytest.mark.parametrize("name", NAMES)
def test_plan_apply_again_and_revert(place, request, name):
    case = CASES[name](place, request)
    before = case.state()
    step = place.plan(name, **case.parameters)
    assert case.state() == before
    assert place.system.ran == []
    assert place.recorded == []
    assert step.targets or step.subjects
    assert step.bounds.keys() == registry.get(name).LIMITS.keys() == registry.limits_of(name).keys()
    assert all(subject.before != subject.after for subject in step.subjects)
    assert read_steps(steps_fields([step])) == (step,)

    registry.verify(step, place.site_for(may_change=False))
    assert case.state() == before
    place.system.on_change = lambda _command: len(place.recorded) or pytest.fail("changed before it was recorded")
    outcome = place.apply(step)
    assert json.loads(outcome.undo_data) == place.recorded != []
    after = case.state()
    if name != "restart_service":  # which leaves a service that ran as it was, but for its invocation
        assert after != before
    assert_nothing_left_to_do(place, name, case, step)

    ran = list(place.system.ran)
    assert place.apply(step).undo_data == ""
    assert case.state() == after
    assert place.system.ran == ran

    reverted = place.revert(step, outcome.undo_data)
    cannot = registry.get(name).UNDO.startswith(CANNOT_BE_UNDONE)
    assert cannot != case.undone or name == "renice_process"
    if case.undone:
        assert reverted.complete
        assert case.state() == before
    elif not reverted.complete:
        assert "cannot be" in reverted.summary


def assert_nothing_left_to_do(place, name: str, case: Case, step: PlannedStep) -> None:
    """A fresh dry run finds what the plan promised: nothing is to be done, or the same could be done anew."""
    again = place.plan(name, **case.parameters)
    if name in REPEATABLE:
        assert again.subjects != step.subjects
    else:
        assert again.subjects == again.targets == ()


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_told_of_it_is_whole(name):
    action = registry.get(name)
    assert action.RISK in RISKS
    assert action.UNDO
    assert action.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_of_something_else_is_refused(place, request, name):
    """Subjects and targets that the action never plans are not carried out, whoever signed them."""
    case = CASES[name](place, request)
    step = place.plan(name, **case.parameters)
    if not step.subjects:
        return  # targets: see the tests of each
    before = case.state()
    for subject in (Subject("machine", "other", "a", "b"), Subject("service", "sshd.service", "active", "inactive")):
        forged = PlannedStep(**{**vars(step), "subjects": (subject,)})
        assert place.refusal(place.apply, forged) in {"E_OUTSIDE_POLICY", "E_TARGET_DRIFTED"}
        assert case.state() == before
