"""Playbooks: what is wrong is refused with code, file and line; what is right becomes typed steps."""

import re
from pathlib import Path

import pytest

from sereno_playbooks import registry
from sereno_proto.errors import BadInput
from sereno_server.runs import playbook_read
from sereno_server.runs.playbooks import (
    LIBRARY,
    compile_playbook,
    diagnose_playbook,
    load_library,
    shipped_library,
)

CASES = sorted((Path(__file__).parent / "playbooks").glob("*.yaml"))
DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_bad_playbook_is_refused_with_code_file_and_line(path):
    text = path.read_text()
    code, line = re.match(r"# (E_\w+) line (\d+)\n", text).groups()
    with pytest.raises(BadInput) as caught:
        playbook_read.read(text, path)
    assert (caught.value.code, caught.value.what.split(" ")[0]) == (code, f"{path}:{line}:")
    assert "\n" not in caught.value.what


def test_disk_free_space_makes_room_first_and_then_puts_the_setting_back():
    parameters = {"folder": "app-logs", "file": "app-config", "digest": DIGEST}
    steps = compile_playbook("disk.free_space", parameters)
    assert [step.action or step.check for step in steps] == [
        "remove_old_files",
        "rotate_logs",
        "restore_file",
        "disk_space",
    ]
    assert dict(steps[2].parameters) == {"file": "app-config", "digest": DIGEST}
    (require,) = steps[3].require
    assert (require.figure, require.comparison, require.value) == ("used_percent", "<", 70)
    assert dict(require.parameters) == {"folder": "app-logs"}
    assert 0 < require.within_s <= 60


def test_a_step_with_an_optional_parameter_that_is_not_given_is_left_out():
    for parameters in ({"folder": "app-logs"}, {"folder": "app-logs", "file": "app-config"}):
        steps = compile_playbook("disk.free_space", parameters)
        assert [step.action or step.check for step in steps] == ["remove_old_files", "rotate_logs", "disk_space"]


def test_the_checks_to_run_by_themselves():
    checks = diagnose_playbook("disk.free_space", {"folder": "app-logs"})
    assert [(check.check, dict(check.parameters)) for check in checks] == [
        ("disk_space", {"folder": "app-logs"}),
        ("largest_files", {"folder": "app-logs"}),
        ("recent_changes", {"hours": "24"}),
    ]


@pytest.mark.parametrize(
    "parameters",
    [{}, {"folder": "/var/log"}, {"folder": "a", "colour": "red"}, {"folder": "a", "digest": "latest"}],
)
def test_parameters_are_checked(parameters):
    with pytest.raises(BadInput, match="E_PARAMETER"):
        compile_playbook("disk.free_space", parameters)


def test_an_unknown_playbook_is_refused():
    with pytest.raises(BadInput, match="E_PLAYBOOK_UNKNOWN"):
        compile_playbook("disk.format", {})


def test_the_library_derives_risk_and_finds_playbooks_by_alert():
    library = shipped_library()
    assert library.risk_of("disk.free_space") == "medium"
    assert [playbook.name for playbook in library.matching("exhaustion", "folder")] == ["disk.free_space"]
    assert library.matching("silent", "folder") == []
    used = {step.call.name for name in library.playbooks for step in library.steps_of(name) if step.kind == "action"}
    assert used <= set(registry.names())
    assert LIBRARY.is_dir()


def write(folder, name, steps, parameters="{}"):
    path = folder / f"{name.replace('.', '/')}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"name: {name}\ntitle: T\nsummary: S\nparameters: {parameters}\nsteps:\n{steps}")


PACK = "  - action: rotate_logs\n    with: {folder: parameters.folder}\n"


def test_an_include_brings_its_steps_with_what_it_is_given(tmp_path):
    write(tmp_path, "log.pack", PACK, "{folder: {kind: folder}}")
    write(
        tmp_path,
        "log.tidy",
        "  - include: log.pack\n    with: {folder: parameters.place}\n"
        "  - include: log.pack\n    with: {folder: audit-logs}\n"
        "  - include: log.pack\n    with: {folder: parameters.other}\n",
        "{place: {kind: folder}, other: {kind: folder, optional: true}}",
    )
    steps = load_library([tmp_path]).compile("log.tidy", {"place": "app-logs"})
    assert [dict(step.parameters) for step in steps] == [{"folder": "app-logs"}, {"folder": "audit-logs"}]


@pytest.mark.parametrize(
    ("includes", "code"),
    [
        ({"a.a": "a.a"}, "E_PLAYBOOK_CYCLE"),
        ({"a.a": "a.b", "a.b": "a.c", "a.c": "a.a"}, "E_PLAYBOOK_CYCLE"),
        ({"a.a": "a.none"}, "E_PLAYBOOK_UNKNOWN"),
    ],
)
def test_a_circle_of_includes_and_a_missing_one_are_refused_with_their_line(tmp_path, includes, code):
    for name, included in includes.items():
        write(tmp_path, name, f"  - include: {included}\n")
    with pytest.raises(BadInput) as caught:
        load_library([tmp_path])
    assert caught.value.code == code
    assert re.match(rf"{tmp_path}/a/\w\.yaml:6: ", caught.value.what)


def test_includes_that_multiply_are_cut_off(tmp_path):
    write(tmp_path, "x.x0", PACK, "{folder: {kind: folder}}")
    for depth in range(1, 20):
        include = f"  - include: x.x{depth - 1}\n    with: {{folder: parameters.folder}}\n"
        write(tmp_path, f"x.x{depth}", include * 4, "{folder: {kind: folder}}")
    with pytest.raises(BadInput, match="more than 32 steps"):
        load_library([tmp_path])


@pytest.mark.parametrize(
    ("given", "code"), [("", "E_PARAMETER"), ("{file: x}", "E_PARAMETER"), ("{folder: parameters.file}", "E_PARAMETER")]
)
def test_what_an_include_gives_is_checked(tmp_path, given, code):
    write(tmp_path, "log.pack", PACK, "{folder: {kind: folder}}")
    with_ = f"    with: {given}\n" if given else ""
    write(tmp_path, "log.tidy", f"  - include: log.pack\n{with_}", "{file: {kind: file}}")
    with pytest.raises(BadInput, match=code):
        load_library([tmp_path])


def test_a_playbooks_name_is_its_place(tmp_path):
    write(tmp_path, "log.pack", PACK, "{folder: {kind: folder}}")
    (tmp_path / "log" / "pack.yaml").rename(tmp_path / "log" / "other.yaml")
    with pytest.raises(BadInput, match=r"other\.yaml:1: by its place its name is log\.other"):
        load_library([tmp_path])
