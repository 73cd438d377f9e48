"""A scratch root in which install.sh works, a release for it, and programs that run there as other users."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALLER = Path(__file__).resolve().parents[2] / "installer"
CORE, EXECUTOR, STRANGER, GROUP = 61001, 61002, 61003, 61001
_PACKAGES = ("grpc", "google", "psutil", "cryptography", "cffi", "pycparser", "typing_extensions.py")
_OURS = ("sereno_proto", "sereno_diagnostics", "sereno_playbooks", "sereno_agent")


def wheel(folder: Path, version: str) -> Path:
    """A wheel called sereno with one command in it, which says its version."""
    path = folder / f"sereno-{version}-py3-none-any.whl"
    info = f"sereno-{version}.dist-info"
    files = {
        "sereno_fake.py": f"def main():\n    print('{version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: sereno\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsereno-agent = sereno_fake:main\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for name, text in files.items()
    }
    record = "".join(f"{name},sha256={digest},{len(files[name])}\n" for name, digest in digests.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return path


def key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", str(path)], check=True)
    return path


def release(folder: Path, signing_key: Path, version: str) -> Path:
    """A signed release as make_release.py makes it."""
    wheels = folder / f"wheels-{version}"
    wheels.mkdir()
    wheel(wheels, version)
    out = folder / f"release-{version}"
    command = [sys.executable, str(INSTALLER / "make_release.py"), str(out), "--key", str(signing_key)]
    subprocess.run([*command, "--wheels", str(wheels)], check=True, capture_output=True)
    return out


def install(made: Path, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the release's own install.sh on the scratch root, with users by number."""
    users = {"SERENO_CORE_USER": CORE, "SERENO_EXECUTOR_USER": EXECUTOR, "SERENO_GROUP": GROUP}
    return subprocess.run(
        ["sh", str(made / "install.sh"), "--root", str(root), "--python", sys.executable, *words],
        env={"PATH": os.environ["PATH"], **{name: str(number) for name, number in users.items()}},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="sereno-two-users-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def program(folder: Path) -> tuple[str, Path]:
    """A Python that other users can run, and a copy of the agent with what it needs, or LookupError."""
    site = folder / "site"
    site.mkdir()
    for package in _OURS:
        source = next(Path(entry) / package for entry in sys.path if (Path(entry) / package).is_dir())
        shutil.copytree(source, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for entry in map(Path, sys.path):
        for found in (entry / name for name in _PACKAGES):
            if found.is_dir():
                shutil.copytree(found, site / found.name, dirs_exist_ok=True)
            elif found.is_file():
                shutil.copy(found, site)
        for extension in entry.glob("_cffi_backend*.so"):
            shutil.copy(extension, site)
    imports = (
        "import subprocess, sys, grpc, psutil, cryptography, sereno_agent.workers;"
        "subprocess.run([sys.executable, '-c', ''], check=True); print(sys.version_info[:2])"
    )
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        done = subprocess.run(
            as_user(STRANGER, python, "-P", "-c", imports),
            env={"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and done.stdout.strip() == str(sys.version_info[:2]):
            subprocess.run(
                [python, "-m", "compileall", "-q", str(site)], check=False
            )  # others cannot keep what they made
            return python, site
    raise LookupError(f"no Python {sys.version_info[0]}.{sys.version_info[1]} that other users can run")


def as_user(user: int, *argv: str) -> list[str]:
    """The command as run by that user, in the agents' group unless it is a stranger."""
    group = 61003 if user == STRANGER else GROUP
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs", *argv]
