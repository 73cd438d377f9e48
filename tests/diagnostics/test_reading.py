"""Reading is confined and bounded, whatever lies in the folder."""

import os

import pytest

from sereno_diagnostics import confined, registry
from sereno_diagnostics.allowed import Allowed, WatchedFolder
from sereno_diagnostics.compare import holds
from sereno_diagnostics.findings import NOTE, finding, printable
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import SerenoError
from sereno_proto.limits import FOLDER_DEPTH_MAX


def code_of(call, *arguments):
    with pytest.raises(SerenoError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_check_takes_names_of_the_policy_and_never_paths(place):
    reader = place({}).reader()
    assert code_of(registry.run, "disk_space", {"folder": "/etc"}, reader) == "E_PARAMETER"
    assert code_of(registry.run, "disk_space", {"folder": "../app-logs"}, reader) == "E_PARAMETER"
    assert code_of(registry.run, "disk_space", {"folder": "other"}, reader) == "E_OUTSIDE_POLICY"
    assert code_of(registry.run, "disk_space", {}, reader) == "E_PARAMETER"
    assert code_of(registry.run, "disk_space", {"folder": "app-logs", "path": "/"}, reader) == "E_PARAMETER"
    assert code_of(registry.run, "recent_changes", {"hours": "1e9"}, reader) == "E_PARAMETER"
    assert code_of(registry.run, "recent_changes", {"hours": "nan"}, reader) == "E_PARAMETER"


@pytest.mark.parametrize("name", ["", "os", "__init__", "../registry", "disk_space.py", "DISK_SPACE"])
def test_only_registered_checks_run(name, place):
    assert code_of(registry.run, name, {}, place({}).reader()) == "E_CHECK_UNKNOWN"


def test_a_folder_behind_a_link_is_refused(tmp_path):
    real = tmp_path.resolve() / "real"
    (real / "inner").mkdir(parents=True)
    link = tmp_path.resolve() / "link"
    link.symlink_to(real)
    for path in (link, link / "inner"):
        with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"), confined.open_folder(path):
            pass
    with confined.open_folder(real / "inner") as descriptor:
        assert os.fstat(descriptor).st_ino == (real / "inner").stat().st_ino


def test_a_tree_deeper_than_the_bound_is_cut_and_said_so(tmp_path):
    deep = tmp_path.resolve()
    for _ in range(FOLDER_DEPTH_MAX + 3):
        deep /= "d"
        deep.mkdir()
        (deep / "f").write_bytes(b"1234")
    reader = Reader(Allowed(tmp_path))
    files = reader.files(WatchedFolder("x", tmp_path.resolve()))
    assert len(files) == FOLDER_DEPTH_MAX
    assert reader.truncated


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_subfolder_is_passed_over_and_said_so(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o000)
    reader = Reader(Allowed(tmp_path))
    assert reader.files(WatchedFolder("x", tmp_path.resolve())) == []
    assert reader.truncated


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        confined.open_folder(tmp_path.resolve()) as folder,
        pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"),
        confined.open_regular(folder, "pipe"),
    ):
        pass


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb", "a\x1bb", "a\u202eb", "\udcff"])
def test_names_that_a_person_cannot_read_are_no_plain_names(name):
    assert not confined.plain_name(name)


def test_texts_of_findings_are_printable_and_bounded():
    assert printable("a\u202e\n\udcff") == "a\\u202e\\n\\udcff"
    found = finding(NOTE, "x" * 100_000, evidence=[(str(n), "v") for n in range(1000)])
    assert len(found.title) == 4096
    assert len(found.evidence) == 32


def test_a_figure_that_is_missing_or_not_finite_never_holds():
    found = [finding(NOTE, "t", figures={"a": 1.0, "b": float("nan")})]
    assert holds(found, "a", "<", 2)
    assert holds(found, "a", "==", 1)
    assert not holds(found, "a", ">=", 2)
    assert not holds(found, "b", "!=", 2)
    assert not holds(found, "c", "!=", 2)
    assert not holds([], "a", "<", 2)
