"""Watched files: what changed with its diff, secrets gone, hostile files harmless, earlier versions kept."""

import os
from pathlib import Path

import pytest

from sereno_agent.collectors import watched_files
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy, WatchedFile
from sereno_agent.reading import Reading, Surroundings
from sereno_agent.versions import Versions
from sereno_proto.ids import sha256
from sereno_proto.limits import WATCHED_FILE_BYTES_MAX, WATCHED_FILE_VERSIONS_MAX


class Site:
    def __init__(self, tmp_path: Path, *, redact: tuple[str, ...] = ()) -> None:
        self.folders = Folders(tmp_path / "state")
        self.folders.make()
        self.path = tmp_path / "app.conf"
        self.policy = Policy(files={"app-config": WatchedFile("app-config", self.path)}, redact=redact)
        self.now_ms = 1_000
        self.restart()

    def restart(self) -> None:
        surroundings = Surroundings(lambda: self.policy, self.folders, lambda: self.now_ms, lambda: 0.0)
        self.collect = watched_files.make(surroundings)

    def write(self, content: bytes | str) -> None:
        content = content.encode() if isinstance(content, str) else content
        self.path.write_bytes(content)
        self.now_ms += 1000
        os.utime(self.path, ns=(self.now_ms * 1_000_000,) * 2)

    def look(self) -> Reading:
        reading = Reading()
        self.collect(reading)
        return reading


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_change_carries_digests_name_time_and_diff(site: Site) -> None:
    site.write("rotate = on\nsize = 5\n")
    assert site.look().changes == []
    assert site.look().changes == []
    site.write("rotate = off\nsize = 5\n")
    (change,) = site.look().changes
    assert (change.kind, change.name, change.object) == ("file", "app-config", str(site.path))
    assert change.before_digest == sha256(b"rotate = on\nsize = 5\n")
    assert change.after_digest == sha256(b"rotate = off\nsize = 5\n")
    assert change.modified_ms == site.now_ms
    assert "-rotate = on\n+rotate = off\n size = 5\n" in change.diff
    assert change.summary == "app-config changed: 1 line added, 1 removed"
    assert site.look().changes == []
    before = site.folders.version(change.before_digest)
    assert before.read_bytes() == b"rotate = on\nsize = 5\n"
    assert before.stat().st_mode & 0o777 == 0o600


def test_what_changed_while_the_agent_was_off_is_found_at_its_next_start(site: Site) -> None:
    site.write("a = 1\n")
    site.look()
    site.write("a = 2\n")
    site.restart()
    (change,) = site.look().changes
    assert "+a = 2" in change.diff


def test_a_touched_file_is_no_change(site: Site) -> None:
    site.write("same\n")
    site.look()
    site.write("same\n")
    assert site.look().changes == []


def test_removal_and_return_are_changes(site: Site) -> None:
    site.write("a\n")
    site.look()
    site.path.unlink()
    (gone,) = site.look().changes
    assert (gone.summary, gone.after_digest) == ("app-config was removed", "")
    assert site.look().changes == []
    site.write("a\nb\n")
    (back,) = site.look().changes
    assert back.summary.startswith("app-config appeared")
    assert back.before_digest == ""


def test_secrets_never_leave(tmp_path: Path) -> None:
    site = Site(tmp_path, redact=(r"internal-\d+", r"pin=(\d+)"))
    site.write("user = app\npassword = hunter2\n")
    site.look()
    site.write(
        "user = app2\npassword = hunter3\nurl = postgres://app:s3cret@db/x\nhost internal-42\npin=1234\n"
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\n"
    )
    (change,) = site.look().changes
    for secret in ("hunter2", "hunter3", "s3cret", "internal-42", "1234", "MIIE", "abc\n"):
        assert secret not in change.diff
    assert "+user = app2" in change.diff
    assert "postgres://app:[redacted]@db/x" in change.diff


def test_a_change_of_only_a_secret_says_so(site: Site) -> None:
    site.write("password = one\n")
    site.look()
    site.write("password = two\n")
    (change,) = site.look().changes
    assert change.diff == ""
    assert "only secrets" in change.summary


def test_binary_and_huge_files_go_by_digest_only(site: Site) -> None:
    site.write(b"\0\1\2")
    site.look()
    site.write(b"\0\1\3")
    (binary,) = site.look().changes
    assert (binary.diff, "binary" in binary.summary) == ("", True)
    site.write(b"x" * (WATCHED_FILE_BYTES_MAX + 1))
    (huge,) = site.look().changes
    assert huge.diff == ""
    assert huge.after_digest == sha256(b"x" * (WATCHED_FILE_BYTES_MAX + 1))
    assert not site.folders.version(huge.after_digest).exists()


def test_a_file_of_two_gigabytes_is_not_read(site: Site) -> None:
    site.write("a\n")
    site.look()
    with site.path.open("wb") as file:
        file.truncate(2 << 30)
    (change,) = site.look().changes
    assert (change.diff, change.after_digest) == ("", "")
    assert "too big" in change.summary
    assert site.look().changes == []


def test_a_pipe_never_blocks_and_a_link_is_not_followed(site: Site, tmp_path: Path) -> None:
    site.write("a\n")
    site.look()
    site.path.unlink()
    os.mkfifo(site.path)
    (pipe,) = site.look().changes
    assert "no regular file" in pipe.summary
    site.path.unlink()
    secret = tmp_path / "shadow"
    secret.write_text("root:secret\n")
    site.path.symlink_to(secret)
    changes = site.look().changes
    assert all("secret" not in change.diff and not change.after_digest for change in changes)
    site.path.unlink()
    site.path.symlink_to(site.path)  # a loop
    assert all(change.diff == "" for change in site.look().changes)


def test_an_unreadable_file_is_a_notice_and_the_others_go_on(site: Site, tmp_path: Path) -> None:
    blocked = tmp_path / "not-a-folder" / "file"
    blocked.parent.write_text("x")
    files = {"blocked": WatchedFile("blocked", blocked), **site.policy.files}
    site.policy = Policy(files=files)
    site.write("a\n")
    reading = site.look()
    assert [notice.what for notice in reading.notices] == ["watched file blocked: Not a directory"]
    site.write("b\n")
    assert len(site.look().changes) == 1


def test_odd_bytes_and_enormous_lines_do_no_harm(site: Site) -> None:
    site.write(b"\xff\xfe caf\xe9\n")
    site.look()
    site.write(b"\xff\xfe cafe\n" + b"y" * 200_000 + b"\n")
    (change,) = site.look().changes
    assert len(change.diff) <= 32_768
    assert "more lines are left out" in change.diff


def test_versions_are_bounded_and_forgotten_with_the_policy(site: Site) -> None:
    for number in range(WATCHED_FILE_VERSIONS_MAX + 5):
        site.write(f"a = {number}\n")
        site.look()
    kept = list(site.folders.versions.glob("sha256-*"))
    assert len(kept) == WATCHED_FILE_VERSIONS_MAX
    assert len(Versions(site.folders.versions).history("app-config")) == WATCHED_FILE_VERSIONS_MAX
    site.policy = Policy()
    site.look()
    assert list(site.folders.versions.glob("sha256-*")) == []


def test_an_invalid_policy_keeps_the_versions(site: Site) -> None:
    site.write("a\n")
    site.look()
    site.policy = Policy(error="E_POLICY_INVALID")
    assert site.look().changes == []
    assert len(list(site.folders.versions.glob("sha256-*"))) == 1


def test_a_damaged_index_costs_the_history_not_the_start(site: Site) -> None:
    site.write("a\n")
    site.look()
    (site.folders.versions / "index.json").write_text("{not json")
    site.restart()
    assert site.look().changes == []
