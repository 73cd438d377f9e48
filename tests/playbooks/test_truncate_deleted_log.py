"""truncate_deleted_log on files that this test itself holds open: only logs, only those that can be emptied safely."""

import mmap
import os
from dataclasses import replace

import pytest

pytestmark = pytest.mark.slow  # looks at every process of the machine, each time


@pytest.fixture
def hold(place):
    """Opens a file in the logs' folder, writes to it, and removes its name."""
    held = []

    def hold(name="app.log", flags=os.O_WRONLY | os.O_APPEND, content=b"x" * 5000, folder=None):
        path = (folder or place.logs) / name
        descriptor = os.open(path, flags | os.O_CREAT, 0o600)
        held.append(descriptor)
        os.pwrite(descriptor, content, 0)
        path.unlink()
        return descriptor

    yield hold
    for descriptor in held:
        os.close(descriptor)


def wish(place):
    return place.plan("truncate_deleted_log", folder="app-logs")


def test_what_a_program_appends_to_is_emptied_and_goes_on(place, hold):
    log = hold()
    hold("notes.txt")
    step = wish(place)
    (target,) = step.targets
    assert (target.path, target.inode) == (str(place.logs / "app.log"), os.fstat(log).st_ino)
    assert (target.before, target.after) == ("growing", "truncated")
    os.write(log, b"one more line\n")
    outcome = place.apply(step)
    assert outcome.summary.startswith("1 removed log emptied")
    assert os.fstat(log).st_size == 0
    os.write(log, b"after\n")
    assert os.fstat(log).st_size == 6


def test_what_would_be_harmed_is_left(place, hold):
    hold("plain.log", os.O_WRONLY)  # not for appending: its next line would lie behind a hole
    both = hold("both.log")
    os.close(os.open(f"/proc/self/fd/{both}", os.O_WRONLY))
    second = os.open(f"/proc/self/fd/{both}", os.O_WRONLY)
    mapped = hold("mapped.log", os.O_RDWR | os.O_APPEND)
    memory = mmap.mmap(mapped, 4096)
    try:
        assert wish(place).targets == ()
    finally:
        memory.close()
        os.close(second)
    assert {os.path.basename(one.path) for one in wish(place).targets} == {"both.log", "mapped.log"}  # noqa: PTH119


def test_what_has_a_name_or_is_elsewhere_is_none(place, hold):
    hold(folder=place.conf.parent)
    named = place.log("app.log", b"line\n")
    with named.open("ab"):
        assert wish(place).targets == ()
    linked = place.log("web.log", b"line\n")
    (place.top / "other").hardlink_to(linked)
    with linked.open("ab"):
        linked.unlink()
        assert wish(place).targets == ()


def test_one_that_was_let_go_has_gone_by_itself(place, hold):
    log = hold()
    step = wish(place)
    os.dup2(os.open("/dev/null", os.O_WRONLY | os.O_APPEND), log)
    assert place.apply(step).undo_data == ""


def test_bounds_and_names_of_the_plan_hold(place, hold):
    log = hold()
    step = wish(place)
    (target,) = step.targets
    assert place.refusal(place.apply, replace(step, targets=(replace(target, bytes_max=10),))) == "E_BOUND"
    assert place.refusal(place.apply, replace(step, bounds={})) == "E_BOUND"
    for path in (f"{place.logs}/../conf/app.log", str(place.conf), str(place.logs / "notes.txt")):
        other = replace(step, targets=(replace(target, path=path),))
        assert place.refusal(place.apply, other) == "E_OUTSIDE_POLICY"
    assert os.fstat(log).st_size == 5000
    place.apply(replace(step, targets=(replace(target, inode=target.inode + 1),)))
    assert os.fstat(log).st_size == 5000
