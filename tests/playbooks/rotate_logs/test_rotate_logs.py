"""rotate_logs: nothing is lost, the writer's file stays the same file, revert puts the lines back in front."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest

STAMP = "20270115T080000Z"


@pytest.fixture
def logged(place):
    place.log("app.log", b"one\ntwo\n")
    place.log("web.log", b"get /\n" * 1000)
    place.log("empty.log", b"")
    place.log("app.log.1", b"older\n")
    return place


def test_the_plan_names_each_log_by_inode_with_a_bound_and_its_archive(logged):
    step = logged.plan("rotate_logs")
    assert [(Path(target.path).name, target.before, target.after) for target in step.targets] == [
        ("web.log", "growing", "truncated"),
        (f"web.log.{STAMP}.gz", "absent", "archive"),
        ("app.log", "growing", "truncated"),
        (f"app.log.{STAMP}.gz", "absent", "archive"),
    ]
    assert step.targets[0].inode == (logged.logs / "web.log").stat().st_ino
    assert step.targets[0].bytes_max >= 6000
    assert step.bounds["files-max"] == 2
    assert step.risk == "low"


def test_apply_packs_and_empties_and_a_second_apply_changes_nothing(logged):
    inode = (logged.logs / "app.log").stat().st_ino
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    assert logged.contents() == {
        "app.log": b"",
        f"app.log.{STAMP}.gz": b"one\ntwo\n",
        "app.log.1": b"older\n",
        "empty.log": b"",
        "web.log": b"",
        f"web.log.{STAMP}.gz": b"get /\n" * 1000,
    }
    assert (logged.logs / "app.log").stat().st_ino == inode
    assert outcome.summary == "2 logs of app-logs packed and emptied, 6.0 kB"
    before = logged.snapshot()
    assert logged.apply(step).undo_data == ""
    assert logged.snapshot() == before


def test_what_the_writer_adds_between_plan_and_apply_is_packed_too(logged):
    step = logged.plan("rotate_logs")
    with (logged.logs / "app.log").open("ab") as log:
        log.write(b"three\n")
    logged.apply(step)
    assert logged.contents()[f"app.log.{STAMP}.gz"] == b"one\ntwo\nthree\n"


def test_a_writer_that_appends_goes_on_in_the_emptied_file(logged):
    with (logged.logs / "app.log").open("ab", buffering=0) as log:
        step = logged.plan("rotate_logs")
        logged.apply(step)
        log.write(b"three\n")
    assert (logged.logs / "app.log").read_bytes() == b"three\n"


def test_revert_puts_the_old_lines_in_front_of_the_new_ones(logged):
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    with (logged.logs / "app.log").open("ab") as log:
        log.write(b"three\n")
    assert logged.revert(step, outcome.undo_data).complete
    assert logged.contents() == {
        "app.log": b"one\ntwo\nthree\n",
        "app.log.1": b"older\n",
        "empty.log": b"",
        "web.log": b"get /\n" * 1000,
    }


def test_an_apply_cut_off_before_the_log_was_emptied_is_undone_without_doubling(logged):
    step = logged.plan("rotate_logs")
    (logged.logs / f"app.log.{STAMP}.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    (logged.logs / ".sereno-0123456789abcdef").write_bytes(b"half")
    inode = (logged.logs / "app.log").stat().st_ino
    entries = (
        '[{"temporary": ".sereno-0123456789abcdef"},'
        f'{{"log": "app.log", "inode": {inode}, "archive": "app.log.{STAMP}.gz", "bytes": 8}}]'
    )
    assert logged.revert(step, entries).complete
    assert sorted(path.name for path in logged.logs.iterdir()) == ["app.log", "app.log.1", "empty.log", "web.log"]
    assert (logged.logs / "app.log").read_bytes() == b"one\ntwo\n"


def test_an_archive_that_is_gone_is_said_so(logged):
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    (logged.logs / f"app.log.{STAMP}.gz").unlink()
    reverted = logged.revert(step, outcome.undo_data)
    assert not reverted.complete
    assert f"app.log.{STAMP}.gz is gone" in reverted.summary


def test_an_archive_that_unpacks_to_more_than_was_planned_is_left(logged):
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    (logged.logs / f"app.log.{STAMP}.gz").write_bytes(gzip.compress(b"0" * 70_000_000))
    reverted = logged.revert(step, outcome.undo_data)
    assert not reverted.complete
    assert (logged.logs / "app.log").read_bytes() == b""


def test_undo_entries_of_other_files_are_not_followed(logged):
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    before = logged.snapshot()
    for old, new in (("app.log", "../conf/app.conf"), (f"app.log.{STAMP}.gz", "../x.gz"), (".sereno-", "web.log")):
        logged.revert(step, outcome.undo_data.replace(f'"{old}', f'"{new}'))
        assert before.items() - logged.snapshot().items() <= {
            item for item in before.items() if "app.log" in item[0] or "web.log" in item[0] or item[0] == "logs"
        }
    assert not (logged.top / "x.gz").exists()


def test_a_damaged_archive_costs_nothing(logged):
    step = logged.plan("rotate_logs")
    outcome = logged.apply(step)
    archive = logged.logs / f"web.log.{STAMP}.gz"
    archive.write_bytes(archive.read_bytes()[:-9])
    (logged.logs / "web.log").write_bytes(b"new\n")
    reverted = logged.revert(step, outcome.undo_data)
    assert not reverted.complete
    assert archive.exists()
    assert (logged.logs / "web.log").read_bytes() == b"new\n"


@pytest.mark.parametrize("swap", ["link", "hard_link", "other_inode", "pipe", "gone"])
def test_one_swapped_log_stops_all(logged, swap):
    step = logged.plan("rotate_logs")
    path, aside = logged.logs / "app.log", logged.top / "aside"
    path.rename(aside)
    {
        "link": lambda: path.symlink_to(aside),
        "hard_link": lambda: path.hardlink_to(aside),
        "other_inode": lambda: path.write_bytes(b"one\ntwo\n"),
        "pipe": lambda: os.mkfifo(path),
        "gone": lambda: None,
    }[swap]()
    assert logged.refusal(logged.apply, step) == "E_TARGET_DRIFTED"


def test_a_log_beyond_its_bound_is_left_alone(logged):
    step = logged.plan("rotate_logs")
    tight = tuple(replace(target, bytes_max=min(target.bytes_max, 100)) for target in step.targets)
    assert logged.refusal(logged.apply, replace(step, targets=tight)) == "E_BOUND"
    assert logged.refusal(logged.apply, replace(step, bounds={"files-max": 1})) == "E_BOUND"


@pytest.mark.parametrize(
    ("log", "archive"),
    [
        ("{top}/conf/app.conf", "{logs}/app.conf.gz"),
        ("{logs}/app.log", "{top}/conf/app.log.x.gz"),
        ("{logs}/app.log", "{logs}/web.log"),
        ("{logs}/app.log.1", "{logs}/app.log.1.x.gz"),
        ("{logs}/../logs/app.log", "{logs}/app.log.x.gz"),
    ],
)
def test_a_plan_that_names_other_files_is_refused(logged, log, archive):
    step = logged.plan("rotate_logs")
    logged.conf.write_bytes(b"x")
    places = {"top": logged.top, "logs": logged.logs}
    pair = (
        replace(step.targets[0], path=log.format(**places)),
        replace(step.targets[1], path=archive.format(**places)),
    )
    assert logged.refusal(logged.apply, replace(step, targets=pair)) == "E_OUTSIDE_POLICY"


def test_archives_are_not_rotated_again(place):
    place.policy(rotate=("*",))
    place.log("app.log.x.gz", b"x")
    assert place.plan("rotate_logs").targets == ()
    assert "anything to rotate" in place.plan("rotate_logs").effect
