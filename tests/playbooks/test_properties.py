"""For any folder: the plan is what apply does, revert restores what it says it can, a second apply does nothing."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = st.text(st.sampled_from("ab.log1-\n\u202e\u00e9 "), min_size=1, max_size=6).filter(
    lambda name: name not in {".", ".."} and not name.startswith(".sereno-")
)
FILES = st.dictionaries(
    st.one_of(NAMES, NAMES.map(lambda name: f"{name}.log"), NAMES.map(lambda name: f"{name}.log.1")),
    st.tuples(st.binary(max_size=40), st.integers(0, 100_000)),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(files=FILES, keep=st.integers(0, 3), later=st.binary(max_size=10))
def test_rotation_loses_nothing_and_reverts(new_place, files, keep, later):
    with tempfile.TemporaryDirectory() as top:
        place = _fill(new_place, top, files, keep)
        before = place.contents()
        step = place.plan("rotate_logs")
        planned = {Path(target.path).name for target in step.targets[::2]}
        outcome = place.apply(step)
        after = place.contents()
        assert {name for name in before if after[name] != before[name]} == planned
        for log, archive in zip(step.targets[::2], step.targets[1::2], strict=True):
            assert after.pop(Path(archive.path).name) == before[Path(log.path).name]
            assert after[Path(log.path).name] == b""
        assert after.keys() == before.keys()
        snapshot = place.snapshot()
        place.apply(step)
        assert place.snapshot() == snapshot
        for name in planned:
            with (place.logs / name).open("ab") as log:
                log.write(later)
        assert place.revert(step, outcome.undo_data).complete
        assert place.contents() == {
            name: content + (later if name in planned else b"") for name, content in before.items()
        }


@settings(max_examples=25, deadline=None)
@given(files=FILES, keep=st.integers(0, 3))
def test_removal_removes_what_was_planned_and_keeps_the_newest(new_place, files, keep):
    with tempfile.TemporaryDirectory() as top:
        place = _fill(new_place, top, files, keep)
        before = _names(place)
        step = place.plan("remove_old_files")
        planned = {Path(target.path).name for target in step.targets}
        outcome = place.apply(step)
        assert before - _names(place) == planned
        removable = [name for name in before if name.isprintable() and ".log." in name and not name.endswith(".log")]
        assert len(planned) == max(0, len(removable) - keep)
        kept = [files[name][1] for name in removable if name not in planned]
        assert all(files[name][1] >= age for name in planned for age in kept)
        place.apply(step)
        assert before - _names(place) == planned
        assert place.revert(step, outcome.undo_data).complete == (not planned)


@settings(max_examples=25, deadline=None)
@given(now=st.binary(max_size=60), earlier=st.binary(max_size=60))
def test_restoring_is_exact_both_ways(new_place, now, earlier):
    with tempfile.TemporaryDirectory() as top:
        place = new_place(Path(top))
        place.conf.write_bytes(now)
        digest, _ = place.keep_versions(earlier, now)
        step = place.plan("restore_file", digest=digest)
        assert bool(step.targets) == (now != earlier)
        outcome = place.apply(step)
        assert place.conf.read_bytes() == earlier
        assert place.apply(step).undo_data == ""
        assert place.revert(step, outcome.undo_data).complete
        assert place.conf.read_bytes() == now


def _names(place):
    return {path.name for path in place.logs.iterdir()}


def _fill(new_place, top, files, keep):
    place = new_place(Path(top))
    place.policy(keep=keep)
    for name, (content, age_s) in files.items():
        place.log(name, content, age_s)
    return place
