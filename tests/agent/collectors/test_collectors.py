"""Every collector: registered by its file name, measured on this machine, its series as the contract names them."""

import importlib
import math
import os
import re
from pathlib import Path

import pytest

from sereno_agent import collectors
from sereno_agent.collectors.watched_folders import measure
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy, WatchedFolder
from sereno_agent.reading import Reading, Surroundings

SIGNED = {"clock_offset_seconds", "temperature_celsius"}


def surroundings(tmp_path: Path, policy: Policy) -> Surroundings:
    return Surroundings(lambda: policy, Folders(tmp_path), lambda: 1, lambda: 0.0)


def test_a_file_of_this_platform_stands_before_the_one_for_all() -> None:
    assert collectors.names("linux")["cpu"] == "cpu_linux"
    assert collectors.names("darwin")["cpu"] == "cpu"
    assert "pressure" not in collectors.names("darwin")


def apart(name: str) -> bool:
    module = importlib.import_module(f"{collectors.__name__}.{collectors.names()[name]}")
    return getattr(module, "APART", False)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if apart(name) else ()) for name in collectors.names()]
)
def test_a_collector_reads_this_machine(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    policy = Policy(folders={"app-logs": WatchedFolder("app-logs", folder, quota_bytes=1000)})
    made = collectors.make(name, collectors.names()[name], surroundings(tmp_path, policy))
    reading = Reading()
    made.collect(reading)
    assert reading.notices == []
    for sample in reading.samples:
        assert re.fullmatch("[a-z][a-z0-9_]*", sample.name)
        assert list(sample.labels) == sorted(sample.labels)
        assert math.isfinite(sample.value)
        assert sample.value >= 0 or sample.name in SIGNED
    keys = [(sample.name, sample.labels) for sample in reading.samples]
    assert len(keys) == len(set(keys))


def test_each_series_is_of_one_collector_and_one_kind(tmp_path: Path) -> None:
    kinds: dict[str, tuple[str, int]] = {}
    for name, module in collectors.names().items():
        if apart(name):
            continue
        reading = Reading()
        collectors.make(name, module, surroundings(tmp_path, Policy())).collect(reading)
        for sample in reading.samples:
            assert kinds.setdefault(sample.name, (name, sample.kind)) == (name, sample.kind)


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
