"""install.sh on the machine itself, with real users, in a mount namespace in which /etc and the rest are copies."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.installer.scratch import key, release

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make users and mount"),
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("unshare", "setpriv", "useradd", "userdel")),
        reason="unshare, setpriv or useradd is not there",
    ),
    pytest.mark.skipif(
        bool(shutil.which("unshare")) and subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
        reason="no mount namespace can be made here",
    ),
]

# Copies are mounted over what the installer writes; they and the namespace go when the script ends.
COVERED = ("/etc", "/opt", "/var/lib", "/usr/local/bin")
SCRIPT = """
set -eu
T=$1 RELEASE=$2 KEY=$3 PYTHON=$4
mount --make-rprivate /
cp -a /etc "$T/etc"; mkdir -p "$T/opt" "$T/lib"; cp -a /usr/local/bin "$T/bin"
mount --bind "$T/opt" /opt; mount --bind "$T/lib" /var/lib
mount --bind "$T/bin" /usr/local/bin; mount --bind "$T/etc" /etc
state() {
  find /etc /opt /var/lib /usr/local/bin ! -name '*-' -printf '%p %y %M %u %g\\n' | sort
  sort /etc/passwd /etc/group /etc/shadow /etc/gshadow
}
install() { SERENO_CORE_USER=sereno-t1 SERENO_EXECUTOR_USER=sereno-t2 SERENO_GROUP=sereno-t1 sh "$@"; }
state > "$T/before"
install "$RELEASE/install.sh" --key "$KEY" --python "$PYTHON" --dry-run > "$T/dry"
state | diff -u "$T/before" - || { echo "the dry run did something"; exit 3; }
install "$RELEASE/install.sh" --key "$KEY" --python "$PYTHON" > "$T/said"
state > "$T/installed"
id sereno-t1 > "$T/users"; id sereno-t2 >> "$T/users"
: > /var/lib/sereno-agent/plans/pln_1.used
chown sereno-t2:sereno-t1 /var/lib/sereno-agent/plans/pln_1.used
: > /var/lib/sereno-agent/pins/roster.txt
chown sereno-t2:sereno-t1 /var/lib/sereno-agent/pins/roster.txt
for at in pins pins/roster.txt plans plans/pln_1.used ledger.jsonl identity runs tls . agent.toml; do
  echo "/var/lib/sereno-agent/$at"
done > "$T/kept"
printf '%s\\n' /etc/sereno-agent /etc/sereno-agent/policy.toml /etc/sereno-agent/agent.toml >> "$T/kept"
printf '%s\\n' /etc/sereno-agent/release.pub /opt/sereno-agent /opt/sereno-agent/version >> "$T/kept"
printf '%s\\n' /etc/systemd/system/sereno-agent.service /var/lib/sereno-agent/core >> "$T/kept"
WRITE='if [ -d "$1" ]; then : > "$1/intruder"; else : >> "$1"; fi'
as() { user=$1; shift; setpriv --reuid="$user" --regid=sereno-t1 --clear-groups --no-new-privs "$@" 2>/dev/null; }
while read -r path; do
  for user in sereno-t1 65534; do
    if as $user sh -c "$WRITE" sh "$path"; then echo "$user $path"; fi
    if as $user rm -f "$path"; then echo "$user rm $path"; fi
  done
done < "$T/kept" > "$T/reached"
install /opt/sereno-agent/install.sh --uninstall > "$T/gone"
state > "$T/after"
"""


@pytest.fixture(scope="module")
def outcome() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sereno-really-"))
    folder.chmod(0o755)
    try:
        signing = key(folder / "key")
        made = release(folder, signing, "1.0.0")
        ran = subprocess.run(
            ["unshare", "-m", "sh", "-c", SCRIPT, "sh", str(folder), str(made), f"{signing}.pub", sys.executable],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        yield folder
    finally:
        shutil.rmtree(folder)


def test_what_it_says_it_puts_where_is_so(outcome: Path) -> None:
    said = (outcome / "said").read_text()
    assert "users sereno-t1 and sereno-t2" in said
    named = re.findall(r"^  (/\S+)", said, re.MULTILINE)
    installed = {line.split()[0]: line.split()[1:] for line in (outcome / "installed").read_text().splitlines()}
    assert len(named) == 6
    assert [path for path in named if path not in installed] == []
    new = {path for path in installed if path.startswith("/") and "sereno" in path}
    assert [path for path in new if not path.startswith(tuple(named))] == [], "nothing lies elsewhere"
    assert installed["/var/lib/sereno-agent/core"] == ["d", "drwxr-x---", "sereno-t1", "sereno-t1"]
    assert installed["/var/lib/sereno-agent/ledger.jsonl"] == ["f", "-rw-r-----", "sereno-t2", "sereno-t1"]
    assert installed["/var/lib/sereno-agent/plans"] == ["d", "drwx------", "sereno-t2", "sereno-t1"]
    for path in ("/etc/sereno-agent/policy.toml", "/etc/sereno-agent/release.pub", "/opt/sereno-agent/version"):
        assert installed[path] == ["f", "-rw-r--r--", "root", "root"]
    lines = (outcome / "installed").read_text().splitlines()
    shells = [line for line in lines if line.startswith("sereno-t") and line.endswith("/usr/sbin/nologin")]
    assert len(shells) == 2, "nobody can log in as either"
    assert "groups=" in (outcome / "users").read_text()


def test_the_cores_user_writes_none_of_what_is_kept_from_it(outcome: Path) -> None:
    reached = (outcome / "reached").read_text().splitlines()
    assert reached == ["sereno-t1 /var/lib/sereno-agent/core"], "its own folder, and nothing else"


def test_the_dry_run_did_nothing_and_uninstalling_leaves_nothing(outcome: Path) -> None:
    assert "Nothing was done." in (outcome / "dry").read_text()
    assert (outcome / "after").read_text() == (outcome / "before").read_text()
    assert "Sereno is gone" in (outcome / "gone").read_text()
    assert not Path("/etc/sereno-agent").exists(), "the machine's own was never touched"
