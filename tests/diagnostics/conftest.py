"""Folders built from case files, and a reader whose clock is the case's."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from tests.diagnostics.case_machine import CaseMachine

from sereno_diagnostics.allowed import (
    Allowed,
    NamedDatabase,
    NamedHost,
    NamedLog,
    NamedPlugin,
    NamedUrl,
    WatchedCertificate,
    WatchedFile,
    WatchedFolder,
    WatchedService,
)
from sereno_diagnostics.reading import Reader

NOW_S = 1_800_000_000.0


class Place:
    """One case: a folder `data` named app-logs, a file app.conf named app-config, and a state folder."""

    def __init__(self, top: Path, case: dict) -> None:
        self.top = top.resolve()
        self.case = case
        self.data = self.top / "data"
        self.now_s = NOW_S
        self.later = False  # whether the check has waited: what a moment later is then counts
        (self.top / "state" / "versions").mkdir(parents=True)
        if not case.get("folder_missing"):
            self.data.mkdir()
        self.build(case.get("files", []))
        if "own" in case:
            (self.top / "state" / "status.json").write_text(json.dumps(case["own"]))
        if "watched" in case:
            self._watch(case["watched"])
        folder = WatchedFolder("app-logs", self.data, quota_bytes=case.get("quota_bytes", 0))
        file = WatchedFile("app-config", self.top / "app.conf", restore=True)
        self.allowed = Allowed(
            self.top / "state",
            {"app-logs": folder},
            {"app-config": file},
            {"web": WatchedService("web", "nginx.service")},
            {"database": NamedHost("database", "db.example.com", (5432,))},
            {"shop": NamedUrl("shop", "https://shop.example.com/health", 200, case.get("contains", ""))},
            {"load": NamedPlugin("load", ("/usr/lib/nagios/plugins/check_load", "-w", "8"), 10.0)},
            {"site": WatchedCertificate("site", listen="shop.example.com:443")},
            {"orders": NamedDatabase("orders", case.get("database", "postgresql"))},
            {"app": NamedLog("app", self.data / "*.log")},
            server=case.get("server", ""),
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
                    content.write("".join(f"{line}\n" for line in file.get("lines", ())).encode())
                    if "bytes" in file:
                        content.truncate(file["bytes"])
                if "mode" in file:
                    path.chmod(int(file["mode"], 8))

    def reader(self) -> Reader:
        return Reader(
            self.allowed, now_s=lambda: NOW_S, clock=lambda: self.now_s, sleep=self._sleep, machine=CaseMachine(self)
        )

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.later = True
        self.build(self.case.get("a_moment_later", []))

    def _watch(self, watched: dict) -> None:
        path = self.top / "app.conf"
        path.write_text(watched["content"])
        os.utime(path, (NOW_S - watched["age_s"],) * 2)
        rows = [[_digest(text), len(text), 0, 0, True] for text in watched.get("versions", [])]
        (self.top / "state" / "versions" / "index.json").write_text(json.dumps({"app-config": rows}))


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def place(tmp_path):
    return lambda case: Place(tmp_path, case)
