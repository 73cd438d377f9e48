"""A `sereno demo` as a user starts it: a process of its own in a folder of its own, on a free port."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("proto", "diagnostics", "playbooks", "agent", "server"))


class Demo:
    """Starts demos in one folder and looks after what they leave behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SERENO_")}
        self.environment = {**kept, "PYTHONPATH": SOURCES, "PYTHONUNBUFFERED": "1"}
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts `sereno demo`; its output can be read line by line."""
        command = [sys.executable, "-m", "sereno_server.cli.main", "demo", "--no-browser", "--json"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--data", str(self.folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        return self.process

    def until(self, event: str, key: str = "event") -> dict[str, object]:
        """Reads lines until one whose `key` is `event`."""
        for line in self.process.stdout:
            entry = json.loads(line)
            if entry.get(key) == event:
                return entry
        raise AssertionError(self.process.stderr.read())

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C; gives the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def sereno(self, *arguments: str, config: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Another command of the same clone, in a second terminal."""
        environment = {**self.environment, "SERENO_CONFIG": config or str(self.folder / "cli.toml")}
        command = [sys.executable, "-m", "sereno_server.cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)

    def left_behind(self) -> list[str]:
        """Processes that still work in this folder."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(self.folder) in line and process.pid != os.getpid():
                found.append(line)
        return found

    def end(self) -> None:
        """Whatever a failed test left running."""
        if self.process is not None and self.process.poll() is None:
            self.interrupt(signal.SIGTERM)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo in a fresh folder."""
    tmp_path.chmod(0o755)
    started = Demo(tmp_path / "demo")
    yield started
    started.end()
