"""The core stays light: what it imports is counted in a process of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import sereno_agent

HEAVY = {
    "alembic", "argparse", "apscheduler", "cryptography", "email", "fastapi", "google.protobuf.json_format",
    "google.protobuf.text_format", "http", "httpx",
    "importlib.metadata", "jinja2", "multiprocessing", "numpy", "paramiko", "prometheus_client", "psycopg",
    "sereno_agent.executor", "sereno_agent.workers", "sereno_diagnostics.checks", "sereno_playbooks", "sqlalchemy",
    "sqlite3", "typer", "unittest", "urllib.request", "xml", "yaml",
}  # fmt: skip
SCRIPT = """
import sys
import sereno_agent.cli
from sereno_agent.light import lighten
lighten()
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


LATER = """
from sereno_agent.light import lighten
lighten()
from sereno_proto.v1.link_pb2 import Status, Up
from google.protobuf import text_format
up = Up(status=Status(spool_bytes=3))
assert text_format.Parse(text_format.MessageToString(up), Up()) == up == Up.FromString(up.SerializeToString())
assert str(up).startswith("status {")
from google.protobuf.internal import python_message
python_message.GeneratedProtocolMessageType
import typing_extensions
typing_extensions.TypedDict
from typing_extensions import deprecated
"""


def test_what_is_put_off_is_there_when_it_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", LATER], check=True)


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == sereno_agent.VERSION
