"""Folders built from case files, and a reader whose clock is the case's."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from sereno_diagnostics.allowed import Allowed, NamedHost, WatchedFile, WatchedFolder, WatchedService
from sereno_diagnostics.reading import Reader

NOW_S = 1_800_000_000.0


class Place:
    """One case: a folder `data` named app-logs, a file app.conf named app-config, and a state folder."""

    def __init__(self, top: Path, case: dict) -> None:
        self.top = top.resolve()
        self.case = case
        self.data = self.top / "data"
        self.now_s = NOW_S
        (self.top / "state" / "versions").mkdir(parents=True)
        if not case.get("folder_missing"):
            self.data.mkdir()
        self.build(case.get("files", []))
        if "watched" in case:
            self._watch(case["watched"])
        folder = WatchedFolder("app-logs", self.data, quota_bytes=case.get("quota_bytes", 0))
        file = WatchedFile("app-config", self.top / "app.conf", restore=True)
        self.allowed = Allowed(
            self.top / "state",
            {"app-logs": folder},
            {"app-config": file},
            {"web": WatchedService("web", "nginx.service")},
            {"database": NamedHost("database", "db.example.com")},
        )

    def build(self, files: list[dict]) -> None:
        for file in files:
            path = self.data / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = file.get("kind", "file")
            if kind == "fifo":
                os.mkfifo(path)
            elif kind == "link":
                path.symlink_to(file["to"])
            elif kind == "hard_link":
                path.hardlink_to(self.data / file["to"])
            else:
                with path.open("wb") as content:
                    content.truncate(file["bytes"])

    def reader(self) -> Reader:
        return Reader(
            self.allowed, now_s=lambda: NOW_S, clock=lambda: self.now_s, sleep=self._sleep, machine=CaseMachine(self)
        )

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.build(self.case.get("a_moment_later", []))

    def _watch(self, watched: dict) -> None:
        path = self.top / "app.conf"
        path.write_text(watched["content"])
        os.utime(path, (NOW_S - watched["age_s"],) * 2)
        rows = [[_digest(text), len(text), 0, 0, True] for text in watched.get("versions", [])]
        (self.top / "state" / "versions" / "index.json").write_text(json.dumps({"app-config": rows}))


class CaseMachine:
    """The machine of a case: its files, what programs answer, and the addresses of names."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._case = place.case.get("machine", {})

    def read(self, path: str) -> str | None:
        lines = self._case.get("files", {}).get(path)
        return None if lines is None else "\n".join(lines) + "\n"

    def names(self, folder: str) -> list[str]:
        below = [path for path in self._case.get("files", {}) if path.startswith(f"{folder}/")]
        return sorted({path.removeprefix(f"{folder}/").split("/")[0] for path in below})

    def ask(self, *command: str, request: bytes = b"", timeout_s: float = 20.0) -> str | None:
        lines = self._case.get("answers", {}).get(f"{command[0]} {command[-1]}")
        return None if lines is None else "\n".join(lines) + "\n"

    def resolve(self, host: str, timeout_s: float) -> list[str]:
        self._place.now_s += self._case.get("lookup_s", 0.0)
        if self._case.get("silent"):
            raise TimeoutError
        if host not in self._case.get("addresses", {}):
            raise OSError(-2, "Name or service not known")
        return self._case["addresses"][host]


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def place(tmp_path):
    return lambda case: Place(tmp_path, case)
