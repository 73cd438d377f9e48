"""remove_old_files: oldest first, the newest stay, nothing but what the plan names goes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture
def filled(place):
    for number in range(1, 6):
        place.log(f"app.log.{number}", b"x" * number, age_s=number * 3600)
    place.log("app.log", b"now")
    place.log("notes.txt", b"mine", age_s=999999)
    return place


def names(place):
    return sorted(path.name for path in place.logs.iterdir())


def test_the_plan_lists_the_oldest_first_with_digests_and_bounds(filled):
    step = filled.plan("remove_old_files")
    assert [Path(target.path).name for target in step.targets] == ["app.log.5", "app.log.4", "app.log.3"]
    assert all(target.before.startswith("sha256:") and target.after == "absent" for target in step.targets)
    assert step.bounds == {"files-max": 3, "bytes-removed-max": 12}
    assert "cannot be undone" in step.undo
    assert step.risk == "medium"


def test_apply_removes_exactly_the_targets_and_a_second_apply_nothing(filled):
    step = filled.plan("remove_old_files")
    outcome = filled.apply(step)
    assert names(filled) == ["app.log", "app.log.1", "app.log.2", "notes.txt"]
    assert outcome.summary == "3 files removed from app-logs, 12 B freed"
    before = filled.snapshot()
    assert filled.apply(step).undo_data == ""
    assert filled.snapshot() == before
    assert filled.plan("remove_old_files").targets == ()


def test_revert_says_that_it_cannot(filled):
    step = filled.plan("remove_old_files")
    reverted = filled.revert(step, filled.apply(step).undo_data)
    assert not reverted.complete
    assert "cannot be brought back" in reverted.summary


def test_a_removal_cut_off_half_way_gives_the_file_its_name_back(filled):
    step = filled.plan("remove_old_files")
    inode = (filled.logs / "app.log.5").stat().st_ino
    (filled.logs / "app.log.5").rename(filled.logs / ".sereno-0123456789abcdef")
    entry = f'[{{"name": "app.log.5", "hidden": ".sereno-0123456789abcdef", "inode": {inode}}}]'
    assert filled.revert(step, entry).complete
    assert (filled.logs / "app.log.5").stat().st_ino == inode


def test_a_log_that_is_being_written_is_never_removed(filled):
    filled.policy(remove=("*",), keep=0)
    assert "app.log" not in [Path(target.path).name for target in filled.plan("remove_old_files").targets]


def test_links_pipes_hard_links_and_unreadable_names_are_left_alone(place):
    place.policy(keep=0)
    outside = place.top / "precious"
    outside.write_bytes(b"p")
    (place.logs / "a.log.1").symlink_to(outside)
    (place.logs / "b.log.1").hardlink_to(outside)
    os.mkfifo(place.logs / "c.log.1")
    (place.logs / "d.log.1").mkdir()
    place.log("e.log.\n1", b"x")
    place.log("f.log.\x1b[2J1", b"x")
    place.log("g.log.\u202e1", b"x")
    (place.logs / os.fsdecode(b"h.log.\xff")).write_bytes(b"x")
    place.log("good.log.1", b"x")
    step = place.plan("remove_old_files")
    assert [Path(target.path).name for target in step.targets] == ["good.log.1"]


@pytest.mark.parametrize("swap", ["content", "link", "hard_link", "other_inode", "pipe"])
def test_one_drifted_target_stops_all(filled, swap):
    step = filled.plan("remove_old_files")
    path, aside = filled.logs / "app.log.3", filled.top / "aside"
    if swap == "content":
        path.write_bytes(b"now something else")
    elif swap == "hard_link":
        aside.hardlink_to(path)
    else:
        path.rename(aside)
        {
            "link": lambda: path.symlink_to(aside),
            "other_inode": lambda: path.write_bytes(b"xxx"),
            "pipe": lambda: os.mkfifo(path),
        }[swap]()
    assert filled.refusal(filled.apply, step) == "E_TARGET_DRIFTED"


def test_the_newest_stay_even_when_they_became_fewer(filled):
    step = filled.plan("remove_old_files")
    (filled.logs / "app.log.1").unlink()
    assert filled.refusal(filled.apply, step) == "E_TARGET_DRIFTED"


@pytest.mark.parametrize("path", ["{top}/conf/x", "{logs}/../conf/x", "{logs}/sub/x", "relative", "{logs}/.."])
def test_a_plan_that_names_a_file_elsewhere_is_refused(filled, path):
    (filled.logs / "sub").mkdir()
    step = filled.plan("remove_old_files")
    target = replace(step.targets[0], path=path.format(top=filled.top, logs=filled.logs))
    assert filled.refusal(filled.apply, replace(step, targets=(target,))) == "E_OUTSIDE_POLICY"


def test_a_plan_with_lower_bounds_is_kept_to_them(filled):
    step = filled.plan("remove_old_files")
    assert filled.refusal(filled.apply, replace(step, bounds={**step.bounds, "files-max": 2})) == "E_BOUND"
    assert filled.refusal(filled.apply, replace(step, bounds={**step.bounds, "bytes-removed-max": 11})) == "E_BOUND"
    assert filled.refusal(filled.apply, replace(step, bounds={})) == "E_BOUND"


def test_a_file_that_the_policy_no_longer_names_stays(filled):
    step = filled.plan("remove_old_files")
    filled.policy(remove=("*.gz",))
    assert filled.refusal(filled.apply, step) == "E_TARGET_DRIFTED"


def test_a_big_file_is_named_by_size_and_time(place):
    place.policy(keep=0)
    with (place.logs / "big.log.1").open("wb") as file:
        file.truncate((64 << 20) + 1)
    step = place.plan("remove_old_files")
    assert step.targets[0].before.startswith(f"stat:{(64 << 20) + 1}:")
    os.utime(place.logs / "big.log.1", (1, 1))
    with pytest.raises(Exception, match="E_TARGET_DRIFTED"):
        place.apply(step)
