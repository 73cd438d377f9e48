"""The core stays light: what it imports is counted in a process of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import sereno_agent

HEAVY = {
    "alembic", "apscheduler", "cryptography", "email", "fastapi", "google.protobuf.json_format", "http", "httpx",
    "importlib.metadata", "jinja2", "multiprocessing", "numpy", "paramiko", "prometheus_client", "psycopg",
    "sereno_agent.executor", "sereno_agent.workers", "sereno_diagnostics.checks", "sereno_playbooks", "sqlalchemy",
    "sqlite3", "typer", "unittest", "urllib.request", "xml", "yaml",
}  # fmt: skip
SCRIPT = """
import sys
import sereno_agent.cli
from sereno_agent.light import without_openssl
without_openssl()
from sereno_agent import agent, collectors
from sereno_agent.folders import Folders
from sereno_agent.reading import Surroundings
for name, module in collectors.names().items():
    collectors.make(name, module, Surroundings(lambda: None, Folders(), lambda: 0, lambda: 0.0))
import hashlib
assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
print(*(name for name, module in sys.modules.items() if module is not None))
"""


def test_the_cores_imports_hold_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert (HEAVY | {"ssl", "_ssl", "_hashlib"}) & set(done.stdout.split()) == set()


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == sereno_agent.VERSION
