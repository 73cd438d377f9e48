"""Every collector: registered by its file name, measured on this machine, its series as the contract names them."""

import os
from pathlib import Path

import pytest

from sereno_agent import collectors
from sereno_agent.collectors.watched_folders import measure
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy, WatchedFolder
from sereno_agent.reading import Reading, Surroundings
from sereno_proto.v1.link_pb2 import SERIES_KIND_COUNTER, SERIES_KIND_GAUGE

SERIES = {
    "agent_cost": {"agent_resident_bytes", "agent_cpu_seconds"},
    "cpu": {"cpu_used_ratio", "load1"},
    "filesystems": {
        "filesystem_used_bytes",
        "filesystem_size_bytes",
        "filesystem_inodes_used",
        "filesystem_inodes",
    },
    "memory": {"memory_used_bytes", "memory_total_bytes", "swap_used_bytes", "swap_total_bytes"},
    "network": {"network_received_bytes", "network_sent_bytes"},
    "watched_files": set(),
    "watched_folders": {"folder_used_bytes", "folder_files", "folder_quota_bytes"},
}
COUNTERS = {"network_received_bytes", "network_sent_bytes", "agent_cpu_seconds"}


def surroundings(tmp_path: Path, policy: Policy) -> Surroundings:
    return Surroundings(lambda: policy, Folders(tmp_path), lambda: 1, lambda: 0.0)


def test_every_file_is_a_collector_and_has_its_series_listed_here() -> None:
    assert set(collectors.names()) == set(SERIES)


@pytest.mark.parametrize("name", SERIES)
def test_a_collector_reads_this_machine(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    policy = Policy(folders={"app-logs": WatchedFolder("app-logs", folder, quota_bytes=1000)})
    made = collectors.make(name, collectors.names()[name], surroundings(tmp_path, policy))
    reading = Reading()
    made.collect(reading)
    assert reading.notices == []
    assert {sample.name for sample in reading.samples} <= SERIES[name]
    for sample in reading.samples:
        assert sample.kind == (SERIES_KIND_COUNTER if sample.name in COUNTERS else SERIES_KIND_GAUGE)
        assert list(sample.labels) == sorted(sample.labels)
        assert sample.value >= 0
    keys = [(sample.name, sample.labels) for sample in reading.samples]
    assert len(keys) == len(set(keys))


def test_a_folder_is_measured_whole_links_once_and_unfollowed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "sub").mkdir(parents=True)
    outside.mkdir()
    (outside / "big").write_bytes(b"x" * 5000)
    (top / "a").write_bytes(b"x" * 100)
    (top / "sub" / "b").write_bytes(b"x" * 30)
    os.link(top / "a", top / "hard")
    (top / "soft").symlink_to(outside)
    (top / "loop").symlink_to(top)
    os.mkfifo(top / "pipe")
    assert measure(top, lambda: False) == (130, 2)


def test_a_folder_beyond_the_bound_gives_no_size(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).write_text("x")
    assert measure(tmp_path, lambda: False, entries_max=5) == (5, 5)
    assert measure(tmp_path, lambda: False, entries_max=4) is None


def test_a_missing_folder_is_a_notice_and_the_others_go_on(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    policy = Policy(folders={"gone": WatchedFolder("gone", tmp_path / "gone"), "there": WatchedFolder("there", there)})
    made = collectors.make("watched_folders", "watched_folders", surroundings(tmp_path, policy))
    reading = Reading()
    made.collect(reading)
    assert [notice.what for notice in reading.notices] == ["watched folder gone: No such file or directory"]
    assert {sample.labels for sample in reading.samples} == {(("folder", "there"),)}
