"""A base install, without extras, runs the agent and the agent's tests in a virtual environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGENT_TESTS = ["tests/agent", "tests/proto", "tests/diagnostics", "tests/playbooks"]


def run(*words: str, cwd: Path) -> str:
    """Runs a command without our environment; its whole output is the failure's message."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL", "SERENO"))
    }
    done = subprocess.run(
        words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_base_install_runs_the_agent_and_its_tests(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"), cwd=tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    constraints = ["-c", str(ROOT / "constraints.txt")]
    run(python, "-m", "pip", "install", "--quiet", *constraints, f"{ROOT}[test]", cwd=tmp_path)

    installed = run(python, "-m", "pip", "list", "--format", "freeze", cwd=tmp_path).lower()
    assert "fastapi" not in installed
    assert "sqlalchemy" not in installed
    run(str(tmp_path / "venv" / "bin" / "sereno-agent"), "--help", cwd=tmp_path)
    summary = run(python, "-m", "pytest", "-q", "-m", "not browser and not chaos", *AGENT_TESTS, cwd=ROOT)
    assert " passed" in summary
