"""Packages: what apt's own dry run says is what is done, and nothing is ever removed on the way."""

import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from sereno_agent import starting
from sereno_diagnostics.allowed import NamedPackage
from sereno_playbooks.programs import vector
from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import Subject

ALL = ("install", "upgrade", "pin", "rollback")


@pytest.fixture
def web(place):
    place.names["packages"] = {"web": NamedPackage("web", "nginx", ALL)}
    place.system.packages = {"libc6": ("2.36-9", "install")}
    place.system.known = {"nginx": ("1.22", "1.24"), "nginx-common": ("1.24",)}
    place.system.needs = {"nginx": ("nginx-common",)}
    return place


def changes(step):
    return [(one.name, one.before, one.after) for one in step.subjects]


def test_what_comes_along_is_in_the_plan_and_leaves_again_with_the_undo(web):
    step = web.plan("install_package", package="web")
    assert changes(step) == [("nginx", "absent", "1.24"), ("nginx-common", "absent", "1.24")]
    assert step.effect == "Brings nginx from absent to 1.24 and 1 package that it needs."
    outcome = web.apply(step)
    assert web.system.ran[-1][-3:] == ("--", "nginx=1.24", "nginx-common=1.24")
    assert web.revert(step, outcome.undo_data).complete
    assert web.system.packages == {"libc6": ("2.36-9", "install")}


def test_an_undo_that_would_take_more_with_it_is_left_undone(web):
    step = web.plan("install_package", package="web")
    outcome = web.apply(step)
    web.system.packages["shop"] = ("1", "install")
    web.system.needs["shop"] = ("nginx",)
    reverted = web.revert(step, outcome.undo_data)
    assert not reverted.complete
    assert reverted.summary == "removing nginx, nginx-common would remove shop"
    assert "nginx" in web.system.packages


def test_a_version_that_came_meanwhile_is_not_installed(web):
    step = web.plan("install_package", package="web")
    web.system.known["nginx-common"] = ("1.24", "1.26")
    assert web.refusal(web.apply, step) == "E_TARGET_DRIFTED"
    web.system.known["nginx-common"] = ("1.24",)
    web.system.packages["nginx"] = ("1.22", "install")
    assert web.refusal(web.apply, step) == "E_TARGET_DRIFTED"
    assert web.system.ran == []


def test_what_would_remove_something_is_not_planned(web):
    honest = web.system._install
    web.system._install = lambda wanted, simulated: honest(wanted, simulated)._replace(output="Remv apache2 [2.4]\n")
    assert web.refusal(lambda: web.plan("install_package", package="web")) == "E_UNSAFE"


@pytest.mark.parametrize("name", ["sudo", "sudo-ldap", "libpam-runtime", "libpam0g:amd64", "sereno", "openssh-server"])
def test_packages_of_what_no_action_touches_are_refused_as_dependencies_too(web, name):
    web.system.needs["nginx"] = (name,)
    web.system.known[name] = ("2",)
    assert web.refusal(lambda: web.plan("install_package", package="web")) == "E_PROTECTED_PATH"
    web.names["packages"] = {"web": NamedPackage("web", name, ALL)}
    web.system.packages[name] = ("1", "install")
    for action, more in (("upgrade_package", {}), ("pin_package", {}), ("rollback_package", {"version": "0"})):
        assert web.refusal(lambda action=action, more=more: web.plan(action, package="web", **more)) == (
            "E_PROTECTED_PATH"
        )


@pytest.mark.parametrize(
    "name",
    ["nginx; reboot", "-y", "--purge", "../x.deb", "./x.deb", "nginx=1", "nginx-", "$(id)", "a\nb", "NGINX", "*", ""],
)
def test_no_package_name_becomes_an_option_a_path_or_another_package(web, name):
    web.names["packages"] = {"web": NamedPackage("web", name, ALL)}
    assert web.refusal(lambda: web.plan("install_package", package="web")) == "E_PARAMETER"
    for wanted in (f"{name}=1", "nginx=1-", "nginx", "nginx=1 nmap=1"):
        with pytest.raises(SerenoError, match="E_PARAMETER"):
            vector("apt_install", wanted)


def test_a_rollback_goes_back_and_nowhere_else(web):
    web.system.packages |= {"nginx": ("1.22", "install"), "nginx-common": ("1.24", "install")}
    assert web.refusal(lambda: web.plan("rollback_package", package="web", version="1.24")) == "E_OUTSIDE_POLICY"
    assert web.refusal(lambda: web.plan("rollback_package", package="web", version="1.0")) == "E_PROGRAM_FAILED"
    for version in ("--force", "1 2", "1;id", "", "a"):
        assert web.refusal(
            lambda version=version: web.plan("rollback_package", package="web", version=version)
        ) == "E_PARAMETER"  # fmt: skip


def test_a_pinned_package_is_not_upgraded(web):
    web.system.packages |= {"nginx": ("1.22", "hold"), "nginx-common": ("1.24", "install")}
    assert web.refusal(lambda: web.plan("upgrade_package", package="web")) == "E_PROGRAM_FAILED"


def test_a_plan_with_more_or_other_packages_is_refused(web):
    step = web.plan("install_package", package="web")
    more = (*step.subjects, Subject("package", "nmap", "absent", "7"))
    assert web.refusal(web.apply, replace(step, subjects=more)) == "E_TARGET_DRIFTED"
    assert web.refusal(web.apply, replace(step, subjects=more[-1:])) == "E_OUTSIDE_POLICY"
    assert web.refusal(web.apply, replace(step, bounds={"packages-max": 1})) == "E_BOUND"
    web.names["packages"] = {"web": NamedPackage("web", "nginx", ("upgrade",))}
    assert web.refusal(web.apply, step) == "E_POLICY_FORBIDS"


class Debian:
    """Real apt and dpkg on a root folder of the test's own, with packages made here."""

    def __init__(self, top):
        self.root, self.repository = top / "debian", top / "repository"
        for folder in (
            *("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d"),
            *("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/apt/lists/partial"),
            *("var/cache/apt/archives/partial", "var/log/apt"),
        ):
            (self.root / folder).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] copy:{self.repository} ./\n")
        self.repository.mkdir()
        self.index = ""
        for version in ("1.0-1", "2.0-1"):
            self.build("demo-lib", version)
            self.build("demo-app", version, f"Depends: demo-lib (>= {version})\n")
        (self.repository / "Packages").write_text(self.index)
        updated = self(["apt-get", "update"], 60)
        assert updated.exit_code == 0, updated

    def build(self, name, version, more=""):
        tree = self.repository.parent / f"{name}-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share" / name).mkdir(parents=True)
        (tree / "usr/share" / name / "version").write_text(version)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.com>\n"
            f"{more}Description: a package of a test\n"
        )
        (tree / "DEBIAN/control").write_text(control)
        archive = self.repository / f"{name}_{version}_all.deb"
        command = ["dpkg-deb", "--root-owner-group", "--build", tree, archive]
        subprocess.run(command, check=True, capture_output=True)
        digest = subprocess.run(["sha256sum", archive], check=True, capture_output=True, text=True).stdout.split()[0]
        self.index += f"{control}Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n\n"

    def __call__(self, command, timeout_s):
        program, *words = command
        state = self.root / "var/lib/dpkg"
        here = {
            "apt-get": ["-o", f"Dir={self.root}", "-o", f"Dir::State::status={state}/status",
                        "-o", f"DPkg::Options::=--root={self.root}", "-o", "APT::Sandbox::User=root",
                        "-o", f"DPkg::Options::=--log={self.root}/log", "-o", "Dir::Bin::dpkg=/usr/bin/dpkg"],
            "dpkg-query": [f"--admindir={state}"],
            "dpkg": [],
        }  # fmt: skip
        here["apt-cache"] = here["apt-mark"] = here["apt-get"]
        return starting.start([program, *here[program], *words], timeout_s)

    def files(self):
        return {path.parent.name: path.read_text() for path in sorted(self.root.glob("usr/share/demo-*/version"))}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("apt-get") or os.geteuid() != 0, reason="real apt and dpkg, as root")
def test_real_apt_and_dpkg_on_a_root_of_their_own(web, tmp_path):
    debian = web.start = Debian(tmp_path)
    web.names["packages"] = {"web": NamedPackage("web", "demo-app", ALL)}
    install = web.plan("install_package", package="web")
    assert changes(install) == [("demo-app", "absent", "2.0-1"), ("demo-lib", "absent", "2.0-1")]
    assert debian.files() == {}
    installed = web.apply(install)
    assert debian.files() == {"demo-app": "2.0-1", "demo-lib": "2.0-1"}
    assert web.apply(install).undo_data == ""

    back = web.plan("rollback_package", package="web", version="1.0-1")
    assert changes(back) == [("demo-app", "2.0-1", "1.0-1")]
    went = web.apply(back)
    assert debian.files() == {"demo-app": "1.0-1", "demo-lib": "2.0-1"}

    pin = web.plan("pin_package", package="web")
    pinned = web.apply(pin)
    assert web.refusal(lambda: web.plan("upgrade_package", package="web")) == "E_PROGRAM_FAILED"
    assert web.apply(pin).undo_data == ""
    assert web.revert(pin, pinned.undo_data).complete

    up = web.plan("upgrade_package", package="web")
    assert changes(up) == [("demo-app", "1.0-1", "2.0-1")]
    web.revert(up, web.apply(up).undo_data)
    assert debian.files() == {"demo-app": "1.0-1", "demo-lib": "2.0-1"}
    assert web.revert(back, went.undo_data).complete
    assert debian.files()["demo-app"] == "2.0-1"

    lib = NamedPackage("web", "demo-lib", ALL)
    web.names["packages"] = {"web": lib}
    assert web.refusal(lambda: web.plan("rollback_package", package="web", version="1.0-1")) == "E_PROGRAM_FAILED"
    web.names["packages"] = {"web": replace(lib, package="demo-app")}
    assert web.revert(install, installed.undo_data).complete
    assert debian.files() == {}
    assert (debian.root / "var/lib/dpkg/status").exists()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("apt-get"), reason="real apt")
def test_real_apt_clears_a_cache_of_its_own(web, tmp_path):
    from sereno_agent.worker_host import WorkerHost

    web.start = Debian(tmp_path)
    archives = web.start.root / "var/cache/apt/archives"
    shutil.copy(next(web.start.repository.glob("*.deb")), archives)
    web.machine = WorkerHost(root=str(web.start.root))
    step = web.plan("clear_package_cache")
    assert step.subjects[0].before.startswith("1-files,")
    web.apply(step)
    assert list(archives.glob("*.deb")) == []
    assert web.apply(step).undo_data == ""
