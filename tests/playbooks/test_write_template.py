"""write_template: the policy's text with values within its bounds, in the policy's place, once its own check agrees."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sereno_agent import starting
from sereno_diagnostics.allowed import NamedTemplate, Slot
from sereno_playbooks.programs import Ended

SLOTS = {"workers": Slot(1, 64), "mode": Slot(choices=("safe", "fast"))}
TEXT = "workers = {workers}\nmode = {mode}\npassword = hunter2\n"
OLD = b"workers = 2\nmode = fast\npassword = hunter2\n"
NEW = b"workers = 8\nmode = safe\npassword = hunter2\n"


@pytest.fixture
def app(place):
    place.path = place.conf.parent / "limits.conf"
    place.path.write_bytes(OLD)
    place.template = NamedTemplate("limits", place.path, TEXT, SLOTS)
    use(place)
    return place


def use(place, **changes):
    place.template = replace(place.template, **changes)
    place.names["templates"] = {"limits": place.template}


def wish(place, settings="workers=8,mode=safe"):
    return place.plan("write_template", template="limits", settings=settings)


def test_the_difference_is_shown_without_secrets_and_put_in_place(app):
    app.path.chmod(0o640)
    step = wish(app)
    assert [line for line in step.diff if line[0] in "+-"][2:] == [
        "-workers = 2", "-mode = fast", "+workers = 8", "+mode = safe",
    ]  # fmt: skip
    assert not any("hunter2" in line for line in step.diff)
    outcome = app.apply(step)
    assert app.path.read_bytes() == NEW
    assert stat.S_IMODE(app.path.stat().st_mode) == 0o640
    assert app.revert(step, outcome.undo_data).complete
    assert app.path.read_bytes() == OLD
    assert [path.name for path in app.path.parent.iterdir()] == ["limits.conf"]


def test_a_new_file_is_made_and_removed_again(app):
    app.path.unlink()
    step = wish(app)
    assert step.targets[0].before == "absent"
    outcome = app.apply(step)
    assert app.path.read_bytes() == NEW
    assert app.apply(step).undo_data == ""
    assert app.revert(step, outcome.undo_data).complete
    assert list(app.path.parent.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_what_the_owners_check_does_not_accept_never_gets_the_name(app, there):
    if not there:
        app.path.unlink()
    use(app, validate=("/usr/bin/check", "--strict", "{file}"))
    seen = []

    def check(command, timeout_s):
        seen.append((command, Path(command[2]).stat().st_size))
        return Ended(1, "", "line 1: password hunter2 is weak")

    app.start = check
    step = wish(app)
    assert seen == []
    assert app.refusal(app.apply, step) == "E_REQUIRE_FAILED"
    ((command, size),) = seen
    assert command[:2] == ["/usr/bin/check", "--strict"]
    assert command[2].startswith(f"{app.path.parent}/.sereno-")
    assert size == len(NEW)
    app.start = lambda command, timeout_s: Ended(0, "fine")
    app.apply(step)
    assert app.path.read_bytes() == NEW


@pytest.mark.slow
def test_a_real_program_checks_the_new_content(app):
    app.start = starting.start
    use(app, validate=("/bin/grep", "-q", "mode = safe", "{file}"))
    app.apply(wish(app))
    step = wish(app, "workers=8,mode=fast")
    assert app.refusal(app.apply, step) == "E_REQUIRE_FAILED"
    assert app.path.read_bytes() == NEW


@pytest.mark.parametrize(
    "settings",
    [
        *("workers=0,mode=safe", "workers=65,mode=safe", "workers=08,mode=safe", "workers=1e1,mode=safe"),
        *("workers=8,mode=other", "workers=8", "mode=safe", "workers=8,mode=safe,more=1"),
        "workers=8,workers=9,mode=safe",
        *("workers=8,mode=sa/fe", "workers=8\nroot,mode=safe", "workers={mode},mode=safe", "workers=8, mode=safe", ""),
    ],
)  # fmt: skip
def test_values_outside_the_policys_bounds_are_refused(app, settings):
    assert app.refusal(lambda: wish(app, settings)) == "E_PARAMETER"


def test_a_file_that_changed_or_was_swapped_is_left_alone(app):
    step = wish(app)
    app.path.write_bytes(b"by hand")
    assert app.refusal(app.apply, step) == "E_TARGET_DRIFTED"
    app.path.unlink()
    app.path.write_bytes(OLD)
    other = app.path.stat().st_ino != step.targets[0].inode
    assert not other or app.refusal(app.apply, step) == "E_TARGET_DRIFTED"
    app.path.unlink()
    app.path.symlink_to("/etc/hostname")
    assert app.refusal(app.apply, step) == "E_TARGET_DRIFTED"
    assert app.refusal(lambda: wish(app)) == "E_OUTSIDE_POLICY"


def test_a_file_that_changes_while_it_is_checked_is_left_alone(app):
    use(app, validate=("/usr/bin/check", "{file}"))

    def check(command, timeout_s):
        app.path.write_bytes(b"by somebody else")
        return Ended(0, "")

    app.start = check
    step = wish(app)
    with pytest.raises(Exception, match="E_TARGET_DRIFTED"):
        app.apply(step)
    assert app.path.read_bytes() == b"by somebody else"
    assert [path.name for path in app.path.parent.iterdir()] == ["limits.conf"]


def test_nothing_outside_its_place_is_written(app):
    step = wish(app)
    evil = app.conf.parent / "sudoers"
    target = replace(step.targets[0], path=str(evil))
    assert app.refusal(app.apply, replace(step, targets=(target,))) == "E_OUTSIDE_POLICY"
    assert app.refusal(app.apply, replace(step, targets=(replace(step.targets[0], after="sha256:" + "0" * 64),))) == (
        "E_OUTSIDE_POLICY"
    )
    assert app.refusal(app.apply, replace(step, bounds={})) == "E_BOUND"
    for path in (app.top / "state/pins", app.top / "home/.ssh/config", app.top / "authorized_keys"):
        path.parent.mkdir(parents=True, exist_ok=True)
        use(app, path=path)
        assert app.refusal(lambda: wish(app)) == "E_PROTECTED_PATH"
    for name in (
        "sudoers",
        "shadow-",
        "systemd/system/sereno-agent.service",
        "systemd/system/sereno-executor@.service.d/x",
    ):
        if (Path("/etc") / name).parent.is_dir():
            use(app, path=Path("/etc") / name)
            assert app.refusal(lambda: wish(app)) == "E_PROTECTED_PATH"
    (app.top / "link").symlink_to(app.conf.parent)
    use(app, path=app.top / "link" / "limits.conf")
    assert app.refusal(lambda: wish(app)) == "E_OUTSIDE_POLICY"


def test_an_undo_leaves_what_somebody_changed_since(app):
    step = wish(app)
    outcome = app.apply(step)
    app.path.write_bytes(b"by hand")
    assert not app.revert(step, outcome.undo_data).complete
    assert app.path.read_bytes() == b"by hand"
