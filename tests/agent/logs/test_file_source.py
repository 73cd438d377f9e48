"""What is read is text, whole, redacted, within bounds; and no file harms its reader."""

import os
import tracemalloc

import pytest
from tests.agent.logs.turns import Turns

from sereno_agent.policy_logs import LogSource
from sereno_proto.limits import LOG_BLOCK_LINES_MAX, LOG_TEXT_CHARS_MAX


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.log"


def turns_of(path, folder=None, patterns=(), **how):
    how.setdefault("lines_per_minute", 1_000_000)
    return Turns(folder or path.parent, LogSource("app", path, from_start=True, **how), patterns=patterns)


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("cp1252", b""), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff")],
)
def test_encodings(path, encoding, bom):
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(bom, encoding)
    path.write_bytes(bom + "Señor: 3 €\r\nzweite Zeile\r\n".encode(codec))
    assert turns_of(path, encoding=encoding).drained() == ["Señor: 3 €", "zweite Zeile"]


def test_colours_control_characters_and_broken_bytes_do_not_pass(path):
    path.write_bytes(b"\x1b[31mred\x1b[0m\0\0\tand\x07 \xff\n\n   \n")
    assert turns_of(path).drained() == ["red\tand \N{REPLACEMENT CHARACTER}"]


def test_a_record_of_several_lines_waits_for_its_end_but_not_for_ever(path):
    turns = turns_of(path, multiline=r"^\d{4}-")
    path.write_text("2026-11-21 20:31:32 ERROR x\n  at a\n  at b\n2026-11-21 20:31:33 INFO y\n")
    turns.turn()
    assert turns.lines == ["2026-11-21 20:31:32 ERROR x\n  at a\n  at b"]
    turns.later(1)
    assert len(turns.lines) == 1
    turns.later(3)
    turns.later(1)
    assert turns.lines[1:] == ["2026-11-21 20:31:33 INFO y"]
    assert [line.severity for block in turns.blocks for line in block.lines] == [3, 6]


def test_half_a_line_waits_for_its_other_half(path):
    turns = turns_of(path)
    path.write_text("half")
    assert turns.drained() == []
    path.write_text("half and half\n")
    assert turns.drained() == ["half and half"]


def test_secrets_go_also_those_of_several_lines_and_across_restarts(path):
    turns = turns_of(path, patterns=[r"till-\d+"])
    path.write_text("password=hunter2\ncard 4111111111111111 at till-77\n-----BEGIN PRIVATE KEY-----\nMIIEv\n")
    turns.turn()
    turns.restart()
    path.open("a").write("QIBADAN\n-----END PRIVATE KEY----- ok\nafter\n")
    text = "\n".join(turns.drained())
    assert not [secret for secret in ("hunter2", "4111", "till-77", "MIIEv", "QIBADAN") if secret in text]
    assert turns.lines[-2:] == ["[redacted]-----END PRIVATE KEY----- ok", "after"]


def test_too_much_is_withheld_and_counted_and_warnings_pass_longer(path):
    turns = turns_of(path, lines_per_minute=10)
    path.write_text("INFO a\n" * 50 + "ERROR b\n" * 50)
    turns.turn()
    assert (turns.lines.count("INFO a"), turns.lines.count("ERROR b")) == (8, 2)
    assert turns.blocks[0].withheld == 90
    path.open("a").write("INFO a\n" * 50)
    turns.later(60)
    assert turns.lines.count("INFO a") == 16
    assert sum(block.withheld for block in turns.blocks) == 132


def test_a_flood_comes_in_blocks(path):
    path.write_text("x\n" * 5000)
    turns = turns_of(path)
    assert len(turns.drained()) == 5000
    assert max(len(block.lines) for block in turns.blocks) == LOG_BLOCK_LINES_MAX


@pytest.mark.slow
def test_a_gigabyte_without_a_line_feed_does_no_harm(path):
    with path.open("wb") as file:
        file.write(b"begin ")
        file.truncate(1 << 30)  # a hole: NULs
    turns = turns_of(path)
    tracemalloc.start()
    while turns.later(0.05).places:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20
    with path.open("ab") as file:
        file.write(b" end\nnext\n")
    lines = turns.drained()
    assert lines[0].startswith("begin")
    assert len(lines[0]) <= LOG_TEXT_CHARS_MAX
    assert lines[1:] == ["next"]


def test_links_pipes_folders_and_what_may_not_be_read_are_left_alone(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "secret").write_text("secret\n")
    (logs / "link.log").symlink_to(tmp_path / "secret")
    (logs / "loop.log").symlink_to(logs / "loop.log")
    os.mkfifo(logs / "pipe.log")
    (logs / "folder.log").mkdir()
    (logs / "good.log").write_text("good\n")
    turns = turns_of(logs / "*.log", tmp_path)
    assert turns.drained() == ["good"]
    assert any("link.log is no regular file" in notice for notice in turns.reader.notices)


def test_what_is_at_rest_costs_one_stat(path):
    path.write_text("x\n")
    turns = turns_of(path)
    turns.drained()
    turns.now = 5000.0
    turns.turn()
    block = turns.later(1)
    assert (block.empty, block.places, turns.reader.more) == (True, {}, False)
    assert not turns.reader._followed.pending


def kubernetes(tmp_path):
    """A container's log as a node has it: a link to a link to the file, in three folders."""
    pods, docker, containers = (tmp_path / name for name in ("pods/ns_web_1/web", "docker/abc", "containers"))
    for folder in (pods, docker, containers):
        folder.mkdir(parents=True)
    real = docker / "abc-json.log"
    real.write_text("first\n")
    (pods / "0.log").symlink_to(real)
    (containers / "web_ns_web-abc.log").symlink_to(pods / "0.log")
    return containers, docker, pods, real


def test_links_are_followed_into_the_folders_that_the_policy_names_and_rotation_is_seen_there(tmp_path):
    containers, docker, pods, real = kubernetes(tmp_path)
    turns = turns_of(containers / "*.log", tmp_path, links=(docker,))
    assert turns.drained() == ["first"]
    assert turns.blocks[0].lines[0].origin == "web_ns_web-abc.log", "what people know it by"
    real.rename(docker / "abc-json.log.1")
    real.write_text("second\n")
    assert turns.drained() == ["first", "second"]
    restarted = docker / "def-json.log"
    restarted.write_text("of the new container\n")
    (pods / "1.log").symlink_to(restarted)
    (containers / "web_ns_web-abc.log").unlink()
    (containers / "web_ns_web-def.log").symlink_to(pods / "1.log")
    with real.open("a") as file:
        file.write("last words of the old one\n")
    turns.later(11)
    assert sorted(turns.drained()[2:]) == ["last words of the old one", "of the new container"]
    turns.restart()
    assert len(turns.drained()) == 4


def test_a_link_that_leads_elsewhere_is_not_followed_however_it_gets_there(tmp_path):
    containers, docker, pods, real = kubernetes(tmp_path)
    secret = tmp_path / "secret" / "abc-json.log"
    secret.parent.mkdir()
    secret.write_text("root's own\n")
    (containers / "evil.log").symlink_to(secret)
    (docker / "inner.log").symlink_to(secret)
    (containers / "twice.log").symlink_to(docker / "inner.log")
    (containers / "loop.log").symlink_to(containers / "loop.log")
    turns = turns_of(containers / "*.log", tmp_path, links=(docker, pods))
    assert turns.drained() == ["first"]
    # The folder on the way is swapped after the link was resolved, before the file is opened.
    real.rename(tmp_path / "kept")
    docker.rename(tmp_path / "docker-before")
    docker.symlink_to(secret.parent)
    turns.now += 1
    assert turns.drained() == ["first"]


def test_without_the_policys_word_no_link_is_followed(tmp_path):
    containers, *_ = kubernetes(tmp_path)
    turns = turns_of(containers / "*.log", tmp_path)
    assert turns.drained() == []


def test_lines_in_which_a_secret_was_replaced_are_counted(path):
    path.write_text("password=x\nnothing\ntoken: abc\n")
    turns = turns_of(path)
    turns.drained()
    assert sum(block.redacted for block in turns.blocks) == 2
