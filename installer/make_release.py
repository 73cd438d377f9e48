"""Makes a release of the agent: `make_release.py OUT --key PRIVATE_KEY [--wheels DIR]`.

Builds the wheel and fetches those it needs (or takes them from DIR), adds the units and install.sh, writes release.txt
with the SHA-256 of each, and signs that with `ssh-keygen -Y sign`. The key belongs on a machine without network; with
`--wheels` nothing here needs one. Prints the public key's fingerprint, which people compare.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIPPED = ("README.md", "install.sh", "sereno-agent.service", "sereno-executor.socket", "sereno-executor@.service")
NAMESPACE = "sereno-release-v1"


def main(arguments: list[str]) -> int:
    """Makes the folder OUT, which must not exist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="the release key, or its public half in ssh-agent")
    parser.add_argument("--wheels", type=Path, help="wheels made before; without it they are built and fetched")
    given = parser.parse_args(arguments)
    given.out.mkdir()
    if given.wheels:
        for wheel in given.wheels.glob("*.whl"):
            shutil.copy(wheel, given.out)
    else:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(given.out)]
        subprocess.run([*pip, "-c", str(HERE.parent / "constraints.txt"), f"{HERE.parent}[databases]"], check=True)
    for name in SHIPPED:
        shutil.copy(HERE / name, given.out)
    (given.out / "release.txt").write_text(document(given.out))
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(given.key), "-n", NAMESPACE, str(given.out / "release.txt")]
    subprocess.run(sign, check=True)
    print(f"{given.out}: {version(given.out)}, signed")
    return 0


def document(folder: Path) -> str:
    """release.txt: the version, and every file with its digest."""
    lines = ["sereno release v1", f"version: {version(folder)}"]
    for path in sorted(folder.iterdir()):
        lines.append(f"file.{path.name}: sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
    return "\n".join(lines) + "\n"


def version(folder: Path) -> str:
    """The version of the one sereno wheel in it."""
    (wheel,) = folder.glob("sereno-*.whl")
    return wheel.name.split("-")[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
