"""Parsers for what this machine is not: other package managers, Windows services, launchd, cgroups of version 1."""

import time

import pytest

from sereno_agent import collectors
from sereno_agent.collectors import containers_linux, services_darwin, services_windows, updates_linux
from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.reading import Reading, Surroundings
from sereno_proto.v1.link_pb2 import SERIES_KIND_GAUGE


def values(reading):
    return {(sample.name, *(value for _, value in sample.labels)): sample.value for sample in reading.samples}


def test_dnf_counts_a_package_once_and_leaves_out_what_is_obsolete():
    updates = """
kernel.x86_64                 5.14.0-503.15.1.el9_5        baseos
openssl-libs.x86_64           1:3.2.2-6.el9_5              baseos
vim-minimal.x86_64            2:8.2.2637-21.el9            appstream
Obsoleting Packages
grub2-tools.x86_64            1:2.06-92.el9                baseos
    grub2-tools.x86_64        1:2.06-82.el9                @baseos
"""
    security = "openssl-libs.x86_64           1:3.2.2-6.el9_5              baseos\n"
    assert updates_linux.parse_dnf(updates, security) == (3, 1)
    assert updates_linux.parse_dnf("", "") == (0, 0)


def test_pacman_and_apk_write_a_line_for_each():
    assert updates_linux.parse_lines("linux 6.11.6.arch1-1 -> 6.11.7.arch1-1\nvim 9.1.0-1 -> 9.1.1-1\n") == (2, None)
    apk = "Installed:                                Available:\nbusybox-1.36.1-r5                       < 1.36.1-r7 \n"
    assert updates_linux.parse_lines(apk) == (1, None)


def test_windows_services_that_should_run_and_do_not_are_named():
    reading = Reading()
    services = [
        {"name": "Spooler", "status": "running", "start_type": "automatic"},
        {"name": "W32Time", "status": "stopped", "start_type": "manual"},
        {"name": "MSSQLSERVER", "status": "stopped", "start_type": "automatic"},
    ]
    services_windows.write(reading, services, {"mssqlserver": "database"})
    assert values(reading) == {
        ("services_active",): 1,
        ("services_failed",): 1,
        ("service_failed", "MSSQLSERVER"): 1,
        ("service_active", "database"): 0,
    }


def test_launchd_jobs_that_ended_badly_are_named():
    reading = Reading()
    text = "PID\tStatus\tLabel\n312\t0\tcom.apple.trustd\n-\t78\torg.example.backup\n-\t0\tcom.apple.quicklook\n"
    services_darwin.write(reading, text, {"org.example.backup": "backup"})
    assert values(reading) == {
        ("services_active",): 1,
        ("services_failed",): 1,
        ("service_failed", "org.example.backup"): 1,
        ("service_active", "backup"): 0,
    }


def test_containers_of_the_first_version_of_cgroups(tmp_path):
    identity = "ab" * 32
    for path, text in {
        f"memory/docker/{identity}/memory.usage_in_bytes": "1000",
        f"memory/docker/{identity}/memory.limit_in_bytes": "9223372036854771712",
        f"memory/docker/{identity}/memory.stat": "cache 1\ntotal_inactive_file 300\n",
        f"cpuacct/docker/{identity}/cpuacct.usage": "2500000000",
        f"pids/docker/{identity}/pids.current": "4",
        f"pids/docker/{identity}/pids.max": "max",
    }.items():
        file = tmp_path / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    reading = Reading()
    surroundings = Surroundings(Policy, Folders(tmp_path), lambda: 0, lambda: 0.0, Host(str(tmp_path)))
    containers_linux.make(surroundings)(reading)
    assert values(reading) == {
        ("container_cpu_seconds", "abababababab"): 2.5,
        ("container_memory_used_bytes", "abababababab"): 700,
        ("container_tasks", "abababababab"): 4,
    }


@pytest.mark.parametrize("name", ["cpu", "disks", "memory", "network", "processes", "sensors", "uptime"])
def test_the_files_for_other_systems_read_this_one_with_the_same_names(tmp_path, name):
    surroundings = Surroundings(Policy, Folders(tmp_path), lambda: time.time_ns() // 1_000_000, time.monotonic)
    told = {}
    for module in (name, f"{name}_linux"):
        made = collectors.make(name, module, surroundings)
        reading = Reading()
        made.collect(reading)
        told[module] = {
            (sample.name, sample.kind) for sample in reading.samples if sample.name != "cpu_core_used_ratio"
        }
    assert told[name] <= told[f"{name}_linux"] | {("cpu_used_ratio", SERIES_KIND_GAUGE)}
