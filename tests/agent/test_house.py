"""The small parts of the core: policy watch, clock watch, notices, configuration."""

import os
from pathlib import Path

import pytest

from sereno_agent import config
from sereno_agent.clock_watch import ClockWatch
from sereno_agent.folders import Folders
from sereno_agent.notices import Notices
from sereno_agent.policy_watch import PolicyWatch
from sereno_agent.reading import Reading
from sereno_agent.series import Series
from sereno_agent.status import roster_version
from sereno_proto.errors import BadInput
from sereno_proto.v1.link_pb2 import SERIES_KIND_GAUGE


def test_a_changed_policy_is_in_force_at_once_and_a_broken_one_allows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    watch = PolicyWatch(path)
    assert watch().error.startswith("E_POLICY_INVALID")
    assert watch().actions == frozenset()
    path.write_text('[actions]\nallow = ["rotate_logs"]\n')
    assert watch.refresh() is True
    assert (watch().error, watch().actions) == ("", {"rotate_logs"})
    assert watch.refresh() is False
    path.write_text("[actions]\nallow = [broken\n")
    os.utime(path, ns=(1, 1))
    assert watch.refresh() is True
    assert watch().actions == frozenset()
    assert str(path) in watch().error
    path.unlink()
    assert watch.refresh() is True
    assert watch().error


@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "code"),
    [(10, 10.0, None), (11, 10.0, None), (3600, 2.0, "E_CLOCK_SKEW"), (-3600, 2.0, "E_CLOCK_BACK")],
)
def test_a_clock_that_is_set_or_slept_is_noticed_once(wall_s: int, monotonic_s: float, code: str | None) -> None:
    now = {"ms": 1_000_000_000, "s": 50.0}
    watch = ClockWatch(lambda: now["ms"], lambda: now["s"])
    assert watch.jumped() is None
    now["ms"] += wall_s * 1000
    now["s"] += monotonic_s
    jumped = watch.jumped()
    assert (jumped[0] if jumped else None) == code
    assert watch.jumped() is None


def test_a_notice_is_said_once_an_hour() -> None:
    said, now = [], 0.0
    notices = Notices(said.append, clock=lambda: now)
    for now in (0.0, 10.0, 3599.0, 3601.0):  # noqa: B007, the clock reads it
        notices.say("E_COLLECTOR", "collector x failed")
    notices.say("E_COLLECTOR", "collector y failed", "do this")
    assert [notice.what for notice in said] == ["collector x failed", "collector x failed", "collector y failed"]
    assert said[0].remedy
    assert said[-1].remedy == "do this"


def test_names_of_other_encodings_and_endless_labels_reach_the_wire_in_bounds(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    odd = os.fsdecode(b"/mnt/caf\xe9")
    first = series.id("filesystem_used_bytes", (("mount", odd),), SERIES_KIND_GAUGE)
    assert first > 0
    assert series.id("filesystem_used_bytes", (("mount", odd),), SERIES_KIND_GAUGE) == first
    assert series.id("x" * 1000, (("mount", "y" * 1000),), SERIES_KIND_GAUGE) > first
    named = [name for message in series.messages([1, 2]) for name in message.series]
    assert max(len(name.name) for name in named) == 128
    assert len(named[1].labels["mount"]) == 256
    reading = Reading()
    reading.notice("E_COLLECTOR", f"{odd}: no")
    assert reading.notices[0].what == "/mnt/caf?: no"


def test_two_series_that_are_one_on_the_wire_are_not_mixed(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    assert series.id("a", (("k", "y" * 300),), SERIES_KIND_GAUGE) == 1
    assert series.id("a", (("k", "y" * 301),), SERIES_KIND_GAUGE) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("collect_interval_ms = 5", "collect_interval_ms"),
        ('collect_interval_ms = "often"', "collect_interval_ms"),
        ("spool_bytes_max = true", "spool_bytes_max"),
        ("speed = 1", "speed: no such setting"),
        ('policy = "relative.toml"', "absolute"),
        ("collector_interval_ms = 5", "collector_interval_ms"),
        ("[collector_interval_ms]\ncpu = 0", "collector_interval_ms.cpu"),
        ("= broken", "agent.toml"),
    ],
)
def test_a_setting_that_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text + "\n")
    with pytest.raises(BadInput, match="E_CONFIG") as caught:
        config.load(path)
    assert str(path) in caught.value.what
    assert says in caught.value.what


def test_settings_and_paths_are_as_the_owner_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    assert config.load(path) == config.Config()
    path.write_text('policy = "/etc/p.toml"\ncollect_interval_ms = 1000\n[collector_interval_ms]\ncpu = 2000\n')
    found = config.load(path)
    assert (found.policy, found.collect_interval_ms) == (Path("/etc/p.toml"), 1000)
    assert found.collector_interval_ms == {"cpu": 2000}


def test_a_version_is_found_by_its_digest_and_by_nothing_else(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert folders.version("sha256:" + "a" * 64) == tmp_path / "versions" / ("sha256-" + "a" * 64)
    for digest in ("sha256:../../etc/passwd", "md5:" + "a" * 32, "", "sha256:" + "A" * 64):
        with pytest.raises(ValueError, match="not a digest"):
            folders.version(digest)


def test_the_rosters_version_is_read_from_its_text(tmp_path: Path) -> None:
    path = tmp_path / "roster.txt"
    assert roster_version(path) == 0
    path.write_bytes(b"sereno roster v1\norganisation: org_x\nversion: 7\n")
    assert roster_version(path) == 7
