"""install.sh on a scratch root: what is verified before use, where everything goes, and that it goes away."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.installer.scratch import CORE, EXECUTOR, GROUP, INSTALLER, install, key, release

from sereno_agent import privileges
from sereno_agent.policy import parse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users"),
]


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases 1.0.0 and 1.2.0, signed by one key."""
    folder = tmp_path_factory.mktemp("releases")
    signing = key(folder / "key")
    release(folder, signing, "1.0.0")
    release(folder, signing, "1.2.0")
    return folder


def test_everything_goes_to_its_owner_and_uninstalling_leaves_nothing(releases: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr/local/bin").mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "opt").mkdir()
    (root / "var/lib").mkdir(parents=True)
    before = tree(root)
    first = releases / "release-1.0.0"
    dry = install(first, root, "--key", str(releases / "key.pub"), "--dry-run")
    assert (dry.returncode, tree(root)) == (0, before)
    assert f"{root}/var/lib/sereno-agent/core" in dry.stdout

    done = install(first, root, "--key", str(releases / "key.pub"))
    assert done.returncode == 0, done.stderr
    state = root / "var/lib/sereno-agent"
    owners = {
        path.name: (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode))
        for path in state.iterdir()
    }
    assert owners == {
        "identity": (EXECUTOR, GROUP, 0o700),
        "plans": (EXECUTOR, GROUP, 0o700),
        "tls": (EXECUTOR, GROUP, 0o750),
        "pins": (EXECUTOR, GROUP, 0o750),
        "runs": (EXECUTOR, GROUP, 0o750),
        "ledger.jsonl": (EXECUTOR, GROUP, 0o640),
        "core": (CORE, GROUP, 0o750),
        "agent.toml": (0, 0, 0o644),
    }
    assert (state.stat().st_uid, state.stat().st_gid, stat.S_IMODE(state.stat().st_mode)) == (0, GROUP, 0o750)
    command = root / "usr/local/bin/sereno-agent"
    assert subprocess.check_output([command], text=True) == "1.0.0\n"

    (root / "etc/sereno-agent/policy.toml").write_text("# the owner's own\n")
    assert install(releases / "release-1.2.0", root).returncode == 0, "the key is pinned by now"
    assert subprocess.check_output([command], text=True) == "1.2.0\n"
    assert (root / "etc/sereno-agent/policy.toml").read_text() == "# the owner's own\n"
    assert not (root / "opt/sereno-agent/1.0.0").exists()

    older = install(first, root)
    assert (older.returncode, "versions only rise" in older.stderr) == (1, True)
    assert subprocess.check_output([command], text=True) == "1.2.0\n"

    gone = install(root / "opt/sereno-agent", root, "--uninstall")
    assert gone.returncode == 0, gone.stderr
    assert tree(root) == before


@pytest.mark.parametrize("harm", ["wheel", "unit", "document", "signature", "key", "missing", "unlisted path"])
def test_what_was_not_signed_is_not_installed(releases: Path, tmp_path: Path, harm: str) -> None:
    made, root = tmp_path / "release", tmp_path / "root"
    shutil.copytree(releases / "release-1.0.0", made)
    root.mkdir()
    public = releases / "key.pub"
    if harm == "wheel":
        with (made / "sereno-1.0.0-py3-none-any.whl").open("ab") as file:
            file.write(b"more")
    elif harm == "unit":
        (made / "sereno-agent.service").write_text("[Service]\nExecStart=/bin/sh\n")
    elif harm == "document":
        text = (made / "release.txt").read_text()
        (made / "release.txt").write_text(text.replace("1.0.0\n", "9.0.0\n", 1))
    elif harm == "signature":
        shutil.copy(releases / "release-1.2.0" / "release.txt.sig", made)
    elif harm == "key":
        public = key(tmp_path / "other").with_suffix(".pub")
    elif harm == "missing":
        (made / "sereno-executor.socket").unlink()
    else:
        document = made / "release.txt"
        document.write_text(f"{document.read_text()}file.../../x: sha256:{'0' * 64}\n")
        (made / "release.txt.sig").unlink()
        sign = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(releases / "key"), "-n", "sereno-release-v1", str(document)]
        subprocess.run(sign, check=True, capture_output=True)
    done = install(made, root, "--key", str(public))
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("install.sh: ")
    assert tree(root) == set()


def test_another_key_than_the_pinned_one_is_refused(releases: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/sereno-agent").mkdir(parents=True)
    shutil.copy(releases / "key.pub", root / "etc/sereno-agent/release.pub")
    other = key(tmp_path / "other")
    done = install(releases / "release-1.0.0", root, "--key", f"{other}.pub")
    assert (done.returncode, "not the one pinned" in done.stderr) == (1, True)
    nobody = install(releases / "release-1.0.0", tmp_path / "fresh")
    assert (nobody.returncode, "no release key is pinned" in nobody.stderr) == (1, True)


def lay_out(root: Path) -> None:
    """The units where systemd looks for them, and empty programs."""
    units, stock = root / "etc/systemd/system", Path("/usr/lib/systemd/system")
    units.mkdir(parents=True)
    for unit in INSTALLER.glob("sereno-*"):
        shutil.copy(unit, units)
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    for pattern in ("*.target", "*.slice", "*.socket", "systemd-tmpfiles-setup.service"):
        for unit in stock.glob(pattern):
            shutil.copy(unit, root / "usr/lib/systemd/system", follow_symlinks=True)
    programs = root / "opt/sereno-agent/current/bin"
    programs.mkdir(parents=True)
    for name in ("python", "sereno-agent"):
        (programs / name).touch(0o755)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
@pytest.mark.parametrize(
    ("actions", "exposure"),
    [
        (["rotate_logs", "kill_process", "renice_process", "truncate_deleted_log"], 30),
        (["restart_service", "vacuum_journal", "reboot_machine"], 35),
        (["install_package"], 100),  # root without confinement: docs/actions.md says so
    ],
)
def test_what_actions_need_is_a_drop_in_that_systemd_understands(
    tmp_path: Path, actions: list[str], exposure: int
) -> None:
    lay_out(tmp_path)
    allowed = parse(f"[actions]\nallow = {json.dumps(actions)}\n", Path("/etc/sereno-agent/policy.toml"))
    unit = tmp_path / privileges.UNIT.relative_to("/")
    unit.parent.mkdir()
    unit.write_text(privileges.drop_in(allowed, Path("/etc/sereno-agent/policy.toml")))
    for command in (["verify"], ["security", "--offline=yes", f"--threshold={exposure}"]):
        done = subprocess.run(
            ["systemd-analyze", *command, f"--root={tmp_path}", "sereno-executor@x.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-600:]
        assert command != ["verify"] or done.stdout + done.stderr == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_the_units_are_what_systemd_understands_and_hardened(tmp_path: Path) -> None:
    """Static: nothing is started. systemd-analyze reads the units in a scratch root."""
    lay_out(tmp_path)
    names = ["sereno-agent.service", "sereno-executor.socket", "sereno-executor@x.service"]
    verify = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", *names], capture_output=True, text=True, check=False
    )
    assert (verify.returncode, verify.stdout + verify.stderr) == (0, "")
    for name in (names[0], names[2]):
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", f"--root={tmp_path}", "--threshold=25", name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert rated.returncode == 0, rated.stdout[-400:]
