"""Chromium with an authenticator made of software, and the approval page on an origin and in a process of its own."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sereno_server.approve_site import build

CHROMIUM = os.environ.get("SERENO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium: install one, or name it in SERENO_CHROMIUM")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield launched
        launched.close()


def serve(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A process that serves a folder's files and nothing else, as any static host does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return process, port


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Iterator[str]:
    """The origin of the approval page."""
    folder = tmp_path_factory.mktemp("site")
    build.write(folder)
    process, port = serve(folder)
    yield f"http://approve.localhost:{port}"
    process.kill()
    process.wait()


class Approver:
    """Somebody with a browser and an authenticator in it, who verifies whoever asks."""

    def __init__(self, browser, *, verified: bool = True, theme: str = "light", width: int = 390) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 844}, locale="en", timezone_id="Europe/Madrid", color_scheme=theme
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        self._cdp = self.context.new_cdp_session(self.page)
        self._cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": verified,
            "automaticPresenceSimulation": True,
        }
        self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def open(self, address: str) -> None:
        """Goes there anew: an address that differs after `#` only would not load again."""
        self.page.goto("about:blank")
        self.page.goto(address)

    def enrol(self, origin: str, organisation: str, person: str) -> tuple[str, str]:
        """Makes a passkey on the page and gives its statement and fingerprint."""
        self.open(f"{origin}/#enrol=1&organisation={organisation}&person={person}")
        self.page.click("#make")
        return self.page.inner_text("#statement"), self.page.inner_text("#fingerprint")

    def approve(self, link: str) -> str:
        """Approves on the page, and gives what it shows to be copied."""
        self.open(link)
        self.page.click("#approve")
        return self.page.inner_text("#signature")


@pytest.fixture
def approver(browser) -> Iterator[Approver]:
    made = Approver(browser)
    yield made
    made.context.close()
    assert made.complaints == []
