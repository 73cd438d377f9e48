"""Root and roster made on a workstation with the real command line."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.proto.software_passkey import SoftwarePasskey

from sereno_proto import sshsig
from sereno_proto.passkey_statement import PasskeyStatement, write_statement
from sereno_proto.roster import read_roster
from sereno_server.approve_site import build

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


def test_a_rotated_root_signs_from_then_on_and_a_passkey_needs_a_proof(sereno, tmp_path):
    root, second, noa = key(tmp_path, "root"), key(tmp_path, "second"), key(tmp_path, "noa")
    sereno("root", "create", "Bakery", "--key", root)
    sereno("roster", "add", "noa", "--approve", f"{noa}.pub", "--role", "approver")
    assert sereno("roster", "sign", "--key", root, "--yes").returncode == 0
    assert sereno("root", "rotate", "--key", second, "--old", noa, "--yes").stderr.startswith("E_ROOT_KEY: ")
    done = sereno("root", "rotate", "--key", second, "--old", root, "--yes")
    assert "number: 2" in done.stdout, done.stderr
    organisation = (tmp_path / "office" / "root-2.txt").read_text().splitlines()[1].removeprefix("organisation: ")
    assert f"organisation {organisation}" in sereno("root", "show").stdout
    sereno("roster", "new")
    assert sereno("roster", "set", "noa", "--role", "administrator").returncode == 0
    assert sereno("roster", "set", "noa", "--drop", "SHA256:none").stderr.startswith("E_NOT_FOUND: ")
    assert sereno("roster", "expires", "20").returncode == 0
    difference = sereno("roster", "diff").stdout
    assert "+person.1.role: administrator" in difference
    assert "+person.1.name" not in difference
    assert sereno("roster", "sign", "--key", root, "--yes").stderr.startswith("E_ROSTER_UNSIGNED: ")
    assert sereno("roster", "sign", "--key", second, "--yes").returncode == 0

    passkey = SoftwarePasskey(origin="https://approve.example.org").public_key
    statement = tmp_path / "passkey.txt"
    statement.write_bytes(write_statement(PasskeyStatement(organisation, "noa", passkey, datetime.now(UTC))))
    sereno("roster", "new")
    for proof in ((), ("--fingerprint", "SHA256:other")):
        refused = sereno("roster", "add-passkey", "noa", str(statement), *proof)
        assert refused.stderr.startswith("E_PASSKEY_UNCONFIRMED: ")
    (tmp_path / "cli.toml").write_text(f'roster = "office"\n[people.noa]\napprove = "{noa}"\n')
    assert sereno("passkey", "statement", str(statement), "--yes").returncode == 0
    added = sereno("roster", "add-passkey", "noa", str(statement))
    assert added.returncode == 0, added.stderr
    assert passkey.line in sereno("roster", "diff").stdout
    assert sereno("--version").stdout.splitlines()[1] == f"approval page {build.digest()}"


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
