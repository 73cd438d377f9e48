"""Watched trees: every file's change with its diff; hostile files do no harm; a deployment is one change."""

import os
from pathlib import Path

import pytest
from tests.agent.collectors.machine import Machine

from sereno_agent.policy import Policy, WatchedTree
from sereno_agent.redact import REDACTED


class Site(Machine):
    def __init__(self, scratch: Path, **how: tuple[str, ...]) -> None:
        self.tree = scratch / "etc"
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "app.conf").write_text("a = 1\nb = 2\n")
        super().__init__("watched_trees", scratch, Policy(trees={"app": WatchedTree("app", self.tree, **how)}))

    def told(self) -> list[str]:
        return [change.summary for change in self.look()]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_changed_file_carries_its_diff(site: Site) -> None:
    assert site.told() == []
    (site.tree / "app.conf").write_text("a = 1\nb = 3\npassword = hunter2\n")
    (change,) = site.look()
    assert (change.kind, change.name, change.object) == ("tree", "app", str(site.tree / "app.conf"))
    assert "-b = 2\n+b = 3\n+password = " + REDACTED in change.diff
    assert change.summary == "etc/app.conf changed: 2 lines added, 1 removed"
    assert site.told() == []


def test_files_that_come_and_go(site: Site) -> None:
    assert site.told() == []
    (site.tree / "sub" / "new.conf").write_text("x = 1\n")
    assert site.told() == ["etc/sub/new.conf appeared: 1 line added, 0 removed"]
    (site.tree / "sub" / "new.conf").unlink()
    assert site.told() == ["etc/sub/new.conf was removed"]


def test_what_changed_while_the_agent_was_off_is_told(site: Site) -> None:
    assert site.told() == []
    (site.tree / "app.conf").write_text("a = 2\n")
    site.restart()
    assert site.told() == ["etc/app.conf changed: 1 line added, 2 removed"]
    site.restart()
    assert site.told() == []


def test_a_touched_file_is_no_change(site: Site) -> None:
    assert site.told() == []
    os.utime(site.tree / "app.conf", (1, 1))
    assert site.told() == []


def test_a_deployment_is_one_change(site: Site) -> None:
    assert site.told() == []
    for number in range(40):
        (site.tree / f"f{number:02}").write_text("x")
    (site.tree / "app.conf").unlink()
    (change,) = site.look()
    assert change.summary == "41 files in app: 40 new, 1 gone (etc/app.conf, etc/f00, etc/f01, …)"
    assert "-etc/app.conf\n" in change.diff
    assert "+etc/f39\n" in change.diff


def test_names_that_do_not_count(tmp_path: Path) -> None:
    site = Site(tmp_path, include=("*.conf",), exclude=(".git", "x*"))
    assert site.told() == []
    (site.tree / ".git").mkdir()
    for name in (".git/a.conf", "x.conf", "other.txt"):
        (site.tree / name).write_text("x")
    assert site.told() == []


def test_hostile_files_do_no_harm(site: Site) -> None:
    (site.tree / "loop").symlink_to(site.tree)
    (site.tree / "self").symlink_to("self")
    os.mkfifo(site.tree / "pipe")
    with (site.tree / "huge").open("wb") as file:
        file.truncate(2 << 30)
    (site.tree / "binary").write_bytes(bytes(range(256)))
    (site.tree / "latin").write_bytes(b"se\xf1or = 1\n")
    (site.tree / os.fsdecode(b"na\xefve")).write_text("x")
    (site.tree / "unreadable").write_text("x")
    (site.tree / "unreadable").chmod(0)
    assert site.told() == []
    (site.tree / "binary").write_bytes(bytes(range(255)))
    (site.tree / "latin").write_bytes(b"se\xf1ora = 1\n")
    with (site.tree / "huge").open("r+b") as file:
        file.write(b"x")
    (site.tree / "pipe").unlink()
    (site.tree / "pipe").write_text("now a file\n")
    summaries = {change.object.rsplit("/", 1)[1]: change.summary for change in site.look()}
    assert summaries["binary"] == "etc/binary changed: binary, by digest only"
    assert summaries["huge"] == "etc/huge changed: 2147483648 bytes, too big to read"
    assert summaries["latin"] == "etc/latin changed: 1 line added, 1 removed"
    assert summaries["pipe"] == "etc/pipe changed: what it was before is not known"


def test_a_tree_that_is_gone_and_back(site: Site) -> None:
    assert site.told() == []
    site.tree.rename(site.tree.with_name("away"))
    assert site.told() == ["etc/app.conf was removed"]
    site.tree.with_name("away").rename(site.tree)
    assert site.told() == ["etc/app.conf appeared: 2 lines added, 0 removed"]


@pytest.mark.slow
def test_more_files_than_the_bound_are_said(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(5010):
        (site.tree / f"f{number}").touch()
    reading = site.read()
    assert reading.changes == []
    assert [notice.code for notice in reading.notices] == ["E_LIMIT"]
    assert site.told() == []


def test_a_damaged_index_is_a_first_start(site: Site) -> None:
    assert site.told() == []
    (site.folders.snapshots / "tree-app" / "index.json").write_text('{"rows": 7}')
    site.restart()
    (site.tree / "app.conf").write_text("a = 2\n")
    assert site.told() == []
