"""A throw-away place for actions: a folder of logs, a configuration file with earlier versions, a state folder."""

import gzip
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.playbooks.fake_system import FakeSystem

from sereno_agent.worker_host import WorkerHost
from sereno_diagnostics.allowed import Allowed, WatchedFile, WatchedFolder
from sereno_playbooks import registry
from sereno_playbooks.action import Site
from sereno_playbooks.programs import Programs
from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import PlannedStep
from sereno_proto.v1.runs_pb2 import Step

NOW_S = 1_800_000_000.0


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Place:
    """The folder `logs` is named app-logs, the file app.conf is named app-config."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        self.logs = self.top / "logs"
        self.conf = self.top / "conf" / "app.conf"
        self.versions = self.top / "state" / "versions"
        for folder in (self.logs, self.conf.parent, self.versions):
            folder.mkdir(parents=True)
        self.recorded: list[dict] = []
        self.folder = WatchedFolder(
            "app-logs", self.logs, quota_bytes=1_000_000, rotate=("*.log",), remove=("*.log.*",), keep=2
        )
        self.file = WatchedFile("app-config", self.conf, restore=True)
        self.system = FakeSystem()
        self.start = self.system
        self.machine = WorkerHost()
        self.names: dict[str, object] = {}
        self.waited: list[float] = []
        self.redact = lambda text: text.replace("hunter2", "[redacted]")

    @property
    def site(self) -> Site:
        return self.site_for(may_change=True)

    def site_for(self, *, may_change: bool) -> Site:
        allowed = Allowed(self.top / "state", {"app-logs": self.folder}, {"app-config": self.file}, **self.names)
        return Site(
            allowed,
            lambda: NOW_S,
            lambda entry: self.recorded.append(dict(entry)),
            self.redact,
            Programs(self.start, may_change=may_change),
            self.machine,
            self.waited.append,
        )

    def log(self, name: str, content: bytes, age_s: float = 0) -> Path:
        path = self.logs / name
        path.write_bytes(content)
        os.utime(path, (NOW_S - age_s,) * 2)
        return path

    def keep_versions(self, *contents: bytes) -> list[str]:
        digests = [digest_of(content) for content in contents]
        for digest, content in zip(digests, contents, strict=True):
            (self.versions / digest.replace(":", "-")).write_bytes(content)
        rows = [[digest, 1, 0, 0, True] for digest in digests]
        (self.versions / "index.json").write_text(json.dumps({"app-config": rows}))
        return digests

    def plan(self, action: str, **parameters: str) -> PlannedStep:
        if action in {"rotate_logs", "remove_old_files"}:
            parameters.setdefault("folder", "app-logs")
        if action == "restore_file":
            parameters.setdefault("file", "app-config")
        return registry.plan(Step(action=action, parameters=parameters), self.site_for(may_change=False))

    def apply(self, step: PlannedStep):
        return registry.apply(step, self.site)

    def revert(self, step: PlannedStep, undo_data: str):
        return registry.revert(step, undo_data, self.site)

    def refusal(self, call, *arguments) -> str:
        """The code with which something is refused; nothing below the top may have changed."""
        before = self.snapshot()
        with pytest.raises(SerenoError) as caught:
            call(*arguments)
        assert self.snapshot() == before
        return caught.value.code

    def policy(self, **changes: object) -> None:
        self.folder = replace(self.folder, **changes)

    def snapshot(self) -> dict[str, tuple]:
        """Everything below the top except the state folder: kind, mode and content by path."""
        found = {}
        for path in sorted(self.top.rglob("*")):
            if (self.top / "state") in (path, *path.parents):
                continue
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path.relative_to(self.top))] = (status.st_mode, status.st_ino, content)
        return found

    def contents(self) -> dict[str, bytes]:
        """The folder's files, archives unpacked."""
        return {
            path.name: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for path in sorted(self.logs.iterdir())
        }


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="session")
def new_place():
    return Place
