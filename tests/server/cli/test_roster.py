"""Root and roster made on a workstation with the real command line."""

import json
import os
import subprocess
import sys

import pytest

from sereno_proto import sshsig
from sereno_proto.roster import read_roster

pytestmark = pytest.mark.slow


@pytest.fixture
def sereno(tmp_path):
    (tmp_path / "cli.toml").write_text('roster = "office"\n')
    environment = {**os.environ, "SERENO_CONFIG": str(tmp_path / "cli.toml")}

    def run(*arguments):
        command = [sys.executable, "-m", "sereno_server.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def key(folder, name):
    signer = sshsig.generate(folder / name)
    (folder / f"{name}.pub").write_text(signer.public_key.line + " a comment\n")
    return str(folder / name)


def test_a_roster_is_edited_from_the_last_signed_one_and_the_difference_is_shown(sereno, tmp_path):
    root, noa, iker = key(tmp_path, "root"), key(tmp_path, "noa"), key(tmp_path, "iker")
    assert "organisation org_" in sereno("root", "create", "Bakery", "--key", root).stdout
    assert sereno("root", "create", "Bakery", "--key", root).stderr.startswith("E_CONFLICT: ")
    assert sereno("roster", "show").stderr.startswith("E_NOT_FOUND: ")
    assert sereno("roster", "add", "noa", "--approve", f"{noa}.pub", "--display", "Noa").returncode == 0
    signed = sereno("roster", "sign", "--key", root, "--yes")
    assert "+person.1.name: noa" in signed.stdout
    assert signed.returncode == 0, signed.stderr

    assert "version 2" in sereno("roster", "new").stdout
    assert sereno("roster", "add", "iker", "--approve", f"{iker}.pub", "--role", "approver").returncode == 0
    assert sereno("roster", "threshold", "medium", "2 others").returncode == 0
    signed = sereno("roster", "sign", "--key", root, "--yes").stdout
    assert "-version: 1" in signed
    assert "+approvals.medium: 2 others" in signed
    assert " person.1.name: noa" in signed.splitlines()  # she stays: neither + nor -
    shown = json.loads(sereno("roster", "show", "--json").stdout)
    assert [(row["name"], row["purpose"]) for row in shown] == [("noa", "approve"), ("iker", "approve")]
    assert read_roster((tmp_path / "office" / "roster.txt").read_bytes()).version == 2

    assert sereno("roster", "remove", "noa").stderr.startswith("E_NOT_FOUND: there is no draft")
    sereno("roster", "new")
    assert sereno("roster", "remove", "noa").returncode == 0
    stranger = key(tmp_path, "stranger")
    assert sereno("roster", "sign", "--key", stranger, "--yes").stderr.startswith("E_ROSTER_UNSIGNED: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("devices",),
        ("login",),
        ("approve",),
        ("roster", "sign", "--key", "/nowhere"),
        ("playbooks", "lint", "/nowhere"),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_1(sereno, arguments):
    done = sereno(*arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("E_")
