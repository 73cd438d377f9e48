"""Packages: one upgrade is one change, told when it is over; a copied dpkg status file drives it."""

import os
import time
from pathlib import Path

import pytest
from tests.agent.collectors.machine import Machine

from sereno_agent.reading import Reading
from sereno_agent.software.dpkg import apt_request, dpkg
from sereno_agent.software.rpm import rpm

STATUS = "/var/lib/dpkg/status"


def paragraph(name: str, version: str, status: str = "install ok installed", arch: str = "amd64") -> str:
    return f"Package: {name}\nStatus: {status}\nArchitecture: {arch}\nVersion: {version}\nDescription: a\n b: c\n .\n\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine("package_changes", tmp_path)
    made.write(STATUS, paragraph("openssl", "3.0.14-1") + paragraph("bash", "5.2"))
    return made


def test_the_first_start_tells_facts_and_no_change(machine: Machine) -> None:
    assert machine.look() == []
    assert machine.facts == {"package.openssl": "3.0.14-1", "package.bash": "5.2", "system.packages": "deb"}


def test_an_installed_package_is_one_change_once_it_rests(machine: Machine) -> None:
    machine.look()
    text = (machine.root / STATUS[1:]).read_text()
    machine.write(STATUS, text + paragraph("nginx", "1.22.1-9"))
    assert machine.look(1) == []  # it may not be finished
    (change,) = machine.look(10)
    assert (change.kind, change.object) == ("package", "nginx")
    assert change.summary == "package nginx appeared: 1.22.1-9"
    assert change.diff == "+1.22.1-9\n"
    assert machine.facts["package.nginx"] == "1.22.1-9"
    assert machine.look() == []


def test_an_upgrade_of_four_hundred_is_one_change_with_the_list(machine: Machine) -> None:
    machine.write(STATUS, "".join(paragraph(f"lib{n}", "1.0-1") for n in range(400)))
    machine.look()
    for done in (100, 200, 300, 400):  # dpkg writes as it goes
        machine.write(STATUS, "".join(paragraph(f"lib{n}", "1.1-1" if n < done else "1.0-1") for n in range(400)))
        assert machine.look(5) == []
    machine.look(0)
    (change,) = machine.look(11)
    assert change.object == "400 packages"
    assert change.summary == "400 packages: 400 changed (lib0, lib1, lib10, …)"
    assert "-lib7 1.0-1\n+lib7 1.1-1\n" in change.diff
    assert change.diff.count("\n") == 800


def test_nothing_is_told_while_a_package_is_half_way(machine: Machine) -> None:
    machine.look()
    machine.write(STATUS, paragraph("openssl", "3.0.15-1", "install ok unpacked") + paragraph("bash", "5.2"))
    assert machine.look(1) == machine.look(60) == []
    assert [change.summary for change in machine.look(1000)] == ["package openssl changed: 3.0.14-1 to 3.0.15-1"]


def test_dpkg_at_work_is_waited_for(machine: Machine) -> None:
    machine.look()
    machine.write(STATUS, paragraph("bash", "5.2"))
    machine.write("/var/lib/dpkg/updates/0001", "")
    assert machine.look(1) == machine.look(60) == []
    (machine.root / "var/lib/dpkg/updates/0001").unlink()
    assert [change.summary for change in machine.look()] == ["package openssl was removed"]


def test_what_changed_while_the_agent_was_off_is_told(machine: Machine) -> None:
    machine.look()
    machine.write(STATUS, paragraph("openssl", "3.0.15-1") + paragraph("bash", "5.2"))
    machine.restart()
    assert [change.object for change in machine.look()] == ["openssl"]
    machine.restart()
    assert machine.look() == []


def test_a_change_that_did_not_reach_the_spool_is_told_again(machine: Machine) -> None:
    machine.look()
    machine.write(STATUS, paragraph("openssl", "3.0.15-1") + paragraph("bash", "5.2"))
    machine.restart()
    machine.now += 60
    lost = Reading()
    machine.collect(lost)
    assert len(lost.changes) == 1
    machine.restart()
    assert len(machine.look()) == 1


def test_this_machines_own_copied_database(tmp_path: Path) -> None:
    mine = Path(STATUS)
    if not mine.exists():
        pytest.skip("no dpkg here")
    machine = Machine("package_changes", tmp_path)
    machine.write(STATUS, mine.read_bytes())
    assert machine.look() == []
    assert len(machine.facts) > 20
    machine.write(STATUS, mine.read_bytes() + b"\n" + paragraph("zz-new", "1.0").encode())
    machine.look(0)
    assert [change.object for change in machine.look()] == ["zz-new"]


def test_dpkg_counts_what_is_there() -> None:
    text = (
        paragraph("gone", "1", "deinstall ok config-files")
        + paragraph("held", "2", "hold ok installed")
        + paragraph("libc6", "2.36")
        + paragraph("libc6", "2.36", arch="i386")
        + paragraph("waits", "3", "install ok triggers-pending")
    )
    there = {"held": "2", "libc6": "2.36", "libc6:i386": "2.36", "waits": "3"}
    assert dpkg(text.encode().splitlines()) == (there, False)
    assert dpkg([]) == ({}, False)
    assert dpkg([b"\xff\xfe garbage\n", b"\n", b"Package: a\n"]) == ({}, False)


def test_rpm_lists_versions_with_their_epoch() -> None:
    text = "openssl 1:3.0.7-27.el9 x86_64\nkernel 0:5.14.0-1 x86_64\nkernel 0:5.14.0-2 x86_64\ngpg-pubkey 0:1-2 -\n"
    assert rpm(text) == {"openssl": "1:3.0.7-27.el9", "kernel": "5.14.0-1, 5.14.0-2"}


def test_an_rpm_machine_is_asked_only_when_its_database_moved(tmp_path: Path) -> None:
    machine = Machine("package_changes", tmp_path)
    machine.write("/var/lib/rpm/rpmdb.sqlite", "1")
    asked = []

    def answer(command: object) -> str:
        asked.append(command)
        return f"openssl 1:3.0.{len(asked)}-1.el9 x86_64\n"

    machine.answers = answer
    assert machine.look() == machine.look() == []
    assert len(asked) == 1
    assert machine.facts["system.packages"] == "rpm"
    machine.write("/var/lib/rpm/rpmdb.sqlite", "12")
    machine.look(0)
    assert [change.summary for change in machine.look()] == ["package openssl changed: 1:3.0.1-1.el9 to 1:3.0.2-1.el9"]


def test_apt_says_who_asked_when_it_was_then() -> None:
    entry = (
        "\nStart-Date: 2026-11-18  21:04:02\nCommandline: apt-get install orders-api\nRequested-By: iker (1000)\n"
        "Upgrade: orders-api:amd64 (4.2.0, 4.2.1)\nEnd-Date: 2026-11-18  21:04:12\n"
    )
    then = time.mktime((2026, 11, 18, 21, 4, 12, 0, 0, -1))
    assert apt_request("\nStart-Date: 2020-01-01  00:00:00\nCommandline: x\n" + entry, then + 1) == (
        "iker, apt-get install orders-api"
    )
    assert apt_request(entry, then + 3600) == ""
    assert apt_request("", then) == ""


def test_who_asked_comes_with_the_change(machine: Machine) -> None:
    machine.look()
    machine.write(STATUS, paragraph("bash", "5.2"))
    os.utime(machine.root / STATUS[1:], (1_795_000_000, 1_795_000_000))
    ended = time.strftime("%Y-%m-%d  %H:%M:%S", time.localtime(1_795_000_000))
    entry = f"\nStart-Date: {ended}\nCommandline: apt purge openssl token=abc\nEnd-Date: {ended}\n"
    machine.write("/var/log/apt/history.log", entry)
    machine.look(0)
    (change,) = machine.look()
    assert change.who == "apt purge openssl token=[redacted]"
    assert change.modified_ms == 1_795_000_000_000
