"""restore_file: the plan shows the difference, apply makes exactly it, revert takes it back."""

import os
import stat

import pytest

ON, OFF = b"rotate = on\nsize = 5\n", b"rotate = off\nsize = 5\n"


@pytest.fixture
def changed(place):
    place.conf.write_bytes(OFF)
    place.conf.chmod(0o640)
    place.on, place.off = place.keep_versions(ON, OFF)
    return place


def test_the_plan_names_file_inode_and_both_digests_and_shows_the_lines(changed):
    step = changed.plan("restore_file", digest=changed.on)
    (target,) = step.targets
    assert (target.path, target.inode) == (str(changed.conf), changed.conf.stat().st_ino)
    assert (target.before, target.after) == (changed.off, changed.on)
    assert step.diff[2:] == ("@@ -1,2 +1,2 @@", "-rotate = off", "+rotate = on", " size = 5")
    assert step.risk == "medium"
    assert "2 lines of difference" in step.effect
    assert changed.conf.read_bytes() == OFF


def test_apply_then_revert_restores_content_mode_and_owner(changed):
    step = changed.plan("restore_file", digest=changed.on)
    owner = changed.conf.stat().st_uid
    outcome = changed.apply(step)
    assert changed.conf.read_bytes() == ON
    assert stat.S_IMODE(changed.conf.stat().st_mode) == 0o640
    assert changed.conf.stat().st_uid == owner
    assert changed.revert(step, outcome.undo_data).complete
    assert changed.conf.read_bytes() == OFF
    assert stat.S_IMODE(changed.conf.stat().st_mode) == 0o640
    assert list(changed.conf.parent.iterdir()) == [changed.conf]


def test_a_second_apply_changes_nothing(changed):
    step = changed.plan("restore_file", digest=changed.on)
    changed.apply(step)
    before = changed.snapshot()
    again = changed.apply(step)
    assert changed.snapshot() == before
    assert again.undo_data == ""
    assert "nothing" in changed.revert(step, again.undo_data).summary
    assert changed.plan("restore_file", digest=changed.on).targets == ()


def test_content_that_is_not_in_the_index_of_this_file_is_not_restored(changed):
    (changed.versions / ("sha256-" + "0" * 64)).write_bytes(b"x")
    assert changed.refusal(lambda: changed.plan("restore_file", digest="sha256:" + "0" * 64)) == "E_VERSION_UNKNOWN"
    changed.file = changed.file.__class__("other", changed.conf, restore=True)
    step_file = changed.site.allowed.files
    step_file["other"] = changed.file
    assert changed.refusal(lambda: changed.plan("restore_file", digest=changed.on)) == "E_VERSION_UNKNOWN"


def test_a_kept_version_whose_content_was_altered_is_not_restored(changed):
    step = changed.plan("restore_file", digest=changed.on)
    (changed.versions / changed.on.replace(":", "-")).write_bytes(b"rotate = on\nexec = evil\n")
    assert changed.refusal(lambda: changed.plan("restore_file", digest=changed.on)) == "E_VERSION_UNKNOWN"
    assert changed.refusal(changed.apply, step) == "E_VERSION_UNKNOWN"


def test_the_policy_decides_which_files_may_be_restored(changed):
    step = changed.plan("restore_file", digest=changed.on)
    changed.file = changed.file.__class__("app-config", changed.conf, restore=False)
    assert changed.refusal(lambda: changed.plan("restore_file", digest=changed.on)) == "E_POLICY_FORBIDS"
    assert changed.refusal(changed.apply, step) == "E_POLICY_FORBIDS"


def test_a_file_edited_after_the_plan_is_left_alone(changed):
    step = changed.plan("restore_file", digest=changed.on)
    changed.conf.write_bytes(OFF + b"# by hand\n")
    assert changed.refusal(changed.apply, step) == "E_TARGET_DRIFTED"


def test_a_file_edited_after_apply_is_not_reverted_over(changed):
    step = changed.plan("restore_file", digest=changed.on)
    outcome = changed.apply(step)
    changed.conf.write_bytes(b"by hand\n")
    reverted = changed.revert(step, outcome.undo_data)
    assert not reverted.complete
    assert changed.conf.read_bytes() == b"by hand\n"


@pytest.mark.parametrize("swap", ["link", "hard_link", "other_inode", "pipe", "gone", "folder_link"])
def test_a_file_swapped_between_plan_and_apply_is_refused(changed, swap):
    step = changed.plan("restore_file", digest=changed.on)
    aside = changed.top / "aside"
    if swap == "folder_link":
        changed.conf.parent.rename(aside)
        changed.conf.parent.symlink_to(aside)
    else:
        changed.conf.rename(aside)
        {
            "link": lambda: changed.conf.symlink_to(aside),
            "hard_link": lambda: changed.conf.hardlink_to(aside),
            "other_inode": lambda: changed.conf.write_bytes(OFF),
            "pipe": lambda: os.mkfifo(changed.conf),
            "gone": lambda: None,
        }[swap]()
    assert changed.refusal(changed.apply, step) == "E_TARGET_DRIFTED"


def test_a_plan_for_another_path_than_the_policys_is_refused(changed):
    step = changed.plan("restore_file", digest=changed.on)
    changed.file = changed.file.__class__("app-config", changed.top / "other.conf", restore=True)
    assert changed.refusal(changed.apply, step) == "E_TARGET_DRIFTED"


def test_secrets_are_taken_out_of_the_difference(place):
    place.conf.write_bytes(b"key = hunter2\nrotate = off\n")
    on, _ = place.keep_versions(b"key = hunter2\nrotate = on\n", place.conf.read_bytes())
    step = place.plan("restore_file", digest=on)
    assert not any("hunter2" in line for line in step.diff)
    assert " key = [redacted]" in step.diff


def test_binary_and_overlong_files_are_named_by_digest_only(place):
    place.conf.write_bytes(b"\xff\xfe")
    long, _ = place.keep_versions(b"x" * 2000, place.conf.read_bytes())
    step = place.plan("restore_file", digest=long)
    assert step.diff == ()
    assert "cannot be shown" in step.effect
    place.apply(step)
    assert place.conf.read_bytes() == b"x" * 2000


@pytest.mark.parametrize("digest", ["", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:0", "--help"])
def test_a_digest_that_is_none_is_refused(changed, digest):
    assert changed.refusal(lambda: changed.plan("restore_file", digest=digest)) == "E_PARAMETER"
