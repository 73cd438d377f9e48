"""An organisation's own playbooks: from a folder or a git repository, read as a whole or not at all, never executed."""

import os
import shutil
import subprocess

import pytest
from tests.server.signing import refused
from typer.testing import CliRunner

from sereno_proto.errors import SerenoError
from sereno_server.cli.main import app
from sereno_server.runs.own import Own
from sereno_server.runs.playbooks import SHELF, compile_playbook, shipped_library

OWN = """name: bakery.oven
title: Restart the oven's service
summary: It hangs after a power cut.
steps:
  - name: restart it
    action: restart_service
    with: {service: oven}
    require:
      - {check: service, with: {service: oven}, figure: active, is: "== 1", within_s: 5}
"""


@pytest.fixture(autouse=True)
def nothing_stays_on_the_shelf():
    yield
    SHELF.put(None)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "own" / "bakery"
    place.mkdir(parents=True)
    (place / "oven.yaml").write_text(OWN)
    return place.parent


def test_a_folder_is_read_anew_when_it_changes_and_what_works_stays(folder, tmp_path):
    own = Own(str(folder), tmp_path / "copies")
    assert own.refresh()
    assert not own.refresh()
    assert compile_playbook("bakery.oven", {})[0].action == "restart_service"
    assert len(SHELF.library().playbooks) == len(shipped_library().playbooks) + 1
    (folder / "bakery" / "oven.yaml").write_text(OWN.replace("restart_service", "format_disk"))
    with refused("E_ACTION_UNKNOWN"):
        own.refresh()
    assert compile_playbook("bakery.oven", {})[0].action == "restart_service"


def test_one_of_ours_is_not_replaced_and_links_are_not_followed(folder, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("key: not a playbook")
    (folder / "bakery" / "link.yaml").symlink_to(secret)
    assert Own(str(folder), tmp_path / "copies").refresh()
    (folder / "disk").mkdir()
    (folder / "disk" / "free_space.yaml").write_text(OWN.replace("bakery.oven", "disk.free_space"))
    with refused("E_PLAYBOOK_SYNTAX"):
        Own(str(folder), tmp_path / "copies").refresh()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_repository_is_fetched_and_nothing_in_it_runs(folder, tmp_path):
    def git(*arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", "-C", str(folder), *named, *arguments], env=environment, check=True, capture_output=True)

    ran = tmp_path / "ran"
    (folder / ".gitattributes").write_text("*.yaml filter=evil\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    hook = folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o700)
    own = Own(f"file://{folder}", tmp_path / "copies")
    assert own.refresh()
    assert "bakery.oven" in SHELF.library().playbooks
    assert not own.refresh()
    (folder / "bakery" / "oven.yaml").write_text(OWN.replace("Restart the", "Start the"))
    git("commit", "-am", "two")
    assert own.refresh()
    assert SHELF.library().get("bakery.oven").title == "Start the oven's service"
    (folder / "bakery" / "oven.yaml").write_text("shell: rm")
    git("commit", "-am", "three")
    with pytest.raises(SerenoError, match=r"oven\.yaml:1"):
        own.refresh()
    assert SHELF.library().get("bakery.oven").title == "Start the oven's service"
    assert not ran.exists()
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["repository"]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
@pytest.mark.parametrize("place", ["ext::sh -c touch% /tmp/x", "--upload-pack=x", "/nowhere"])
def test_what_is_no_place_is_refused(tmp_path, place):
    with refused("E_CONFIG"):
        Own(place, tmp_path / "copies").refresh()


def test_the_commands_tell_file_and_line(folder):
    run = CliRunner().invoke
    path = folder / "bakery" / "oven.yaml"
    assert run(app, ["playbook", "lint", str(folder)]).exit_code == 0
    assert "then required: service(service=oven).active == 1" in run(
        app, ["playbook", "show", "bakery.oven", str(folder)]
    ).output.replace("\n", "")
    missing = run(app, ["playbook", "test", str(folder)])
    assert missing.exception.code == "E_PLAYBOOK_SYNTAX"
    assert "--record" in missing.exception.remedy
    assert run(app, ["playbook", "test", "--record", str(folder)]).exit_code == 0
    assert run(app, ["playbook", "test", str(folder)]).exit_code == 0
    path.write_text(OWN.replace("== 1", "== 0"))
    changed = run(app, ["playbook", "test", str(folder)])
    assert changed.exception.code == "E_PLAYBOOK_GOLDEN"
    path.write_text(OWN.replace("active", "alive"))
    assert f"{path}:9" in run(app, ["playbook", "lint", str(folder)]).exception.what
