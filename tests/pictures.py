"""`python -m tests.pictures [--all] FOLDER`: plays the disk drill and takes pictures of the console.

Without `--all` it makes the few that the README shows; with it every page, for a look before a release.
"""

import argparse
import os
import shutil
import socket
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from sereno_server.demo.drill_disk import PLAYBOOK, DiskDrill
from sereno_server.demo.place import Place
from sereno_server.demo.story import Story
from sereno_server.demo.world import World

CHROMIUM = os.environ.get("SERENO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SETTLED_MS = 1200
SHOWN_PX = 1000  # the README's are the upper part of a page


@dataclass(frozen=True)
class Shot:
    """One picture: of which page, at which stage of the story, how wide; `shown` when the README shows it."""

    stage: str
    name: str
    path: str
    phone: bool = False
    night: bool = False
    shown: bool = False
    stranger: bool = False


SHOTS = (
    Shot("joined", "tickets-none", "/tickets"),
    Shot("joined", "fleet-quiet", "/"),
    Shot("joined", "sign-in", "/sign-in", stranger=True),
    Shot("joined", "sign-in-phone-night", "/sign-in", stranger=True, phone=True, night=True),
    Shot("joined", "error", "/tickets/T-9999"),
    Shot("joined", "scoreboard-empty", "/scoreboard"),
    Shot("forecast", "device-forecast", "/devices/{device}", shown=True),
    Shot("checks", "fleet", "/"),
    Shot("proposed", "fleet-night", "/", night=True),
    Shot("proposed", "ticket-waiting", "/tickets/{ticket}", shown=True),
    Shot("proposed", "ticket-waiting-night", "/tickets/{ticket}", night=True),
    Shot("proposed", "ticket-waiting-phone", "/tickets/{ticket}", phone=True),
    Shot("proposed", "approvals", "/approvals"),
    Shot("proposed", "approve", "/approve/{run}"),
    Shot("proposed", "approve-phone", "/approve/{run}", phone=True),
    Shot("proposed", "approve-phone-night", "/approve/{run}", phone=True, night=True, shown=True),
    Shot("resolved", "ticket-resolved", "/tickets/{ticket}"),
    Shot("resolved", "ticket-resolved-phone-night", "/tickets/{ticket}", phone=True, night=True),
    Shot("resolved", "device-resolved-night", "/devices/{device}", night=True),
    Shot("resolved", "device-resolved-phone", "/devices/{device}", phone=True),
    Shot("resolved", "tickets", "/tickets"),
    Shot("resolved", "scoreboard", "/scoreboard"),
    Shot("resolved", "ledger", "/ledger"),
    Shot("resolved", "ledger-phone-night", "/ledger", phone=True, night=True),
)


class Camera:
    """A browser in a thread of its own, because playwright keeps an event loop in its thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1)
        self._driver = self._thread.submit(sync_playwright().start).result()
        self._browser = self._thread.submit(self._launch).result()
        self._pages: dict[bool, Page] = {}

    def sign_in(self, link: str) -> None:
        """Opens a page of somebody who has signed in with that link, and one of a stranger."""
        for stranger in (True, False):
            self._thread.submit(self._open, "" if stranger else link, stranger=stranger).result()

    def take(self, shot: Shot, address: str) -> None:
        """One picture of the whole page."""
        self._thread.submit(self._take, shot, address).result()

    def close(self) -> None:
        """Ends the browser."""
        self._thread.submit(self._browser.close).result()
        self._thread.submit(self._driver.stop).result()
        self._thread.shutdown()

    def _launch(self) -> Browser:
        return self._driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

    def _open(self, link: str, *, stranger: bool) -> None:
        self._pages[stranger] = self._browser.new_context(timezone_id="UTC", locale="en").new_page()
        if link:
            self._pages[stranger].goto(link)

    def _take(self, shot: Shot, address: str) -> None:
        page = self._pages[shot.stranger]
        page.set_viewport_size({"width": 390, "height": 844} if shot.phone else {"width": 1440, "height": 900})
        page.emulate_media(color_scheme="dark" if shot.night else "light")
        page.goto(address)
        page.wait_for_timeout(SETTLED_MS)
        if not shot.phone:  # what sticks to the window's edge is to be at the picture's
            whole = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": 1440, "height": min(whole, SHOWN_PX) if shot.shown else whole})
            page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=self._folder / f"{shot.name}.png")


class Illustrated(Story):
    """The story, which stops for a picture wherever one is wanted."""

    def __init__(self, camera: Camera, *, every: bool) -> None:
        super().__init__(as_json=False)
        self._camera = camera
        self._shots = [shot for shot in SHOTS if every or shot.shown]
        self._world: World | None = None

    def open(self, world: World) -> None:
        """Signs in once the world stands."""
        self._world = world
        self._camera.sign_in(world.login_link("iker"))

    def stage(self, name: str, text: str) -> None:
        """Says it, and takes the pictures of this stage."""
        super().stage(name, text)
        if self._world is None:
            return
        if name == "proposed":  # a plan is worth a picture when somebody asks for it
            self._world.sereno("run", self._ticket(self._world)["id"], PLAYBOOK, "--as", "noa", "--yes")
        for shot in self._shots:
            if shot.stage == name:
                self._camera.take(shot, self._world.url + shot.path.format(**self._places(self._world, shot)))

    def _places(self, world: World, shot: Shot) -> dict[str, str]:
        places = {"device": str(world.device()["name"])}
        if "{ticket}" in shot.path or "{run}" in shot.path:
            ticket = self._ticket(world)
            places |= {"ticket": f"T-{ticket['number']}", "run": (ticket["run"] or {}).get("id", "")}
        return places

    @staticmethod
    def _ticket(world: World) -> dict[str, Any]:
        client = world.client("noa")
        rows = client.pages("/api/v1/tickets", state="open") or client.pages("/api/v1/tickets")
        return dict(client.get(f"/api/v1/tickets/{rows[0]['id']}"))


def main(arguments: list[str]) -> int:
    """Plays and draws; 0 when the drill came true."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures")
    parser.add_argument("--all", action="store_true", help="every page, by day and by night")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="sereno-pictures-") as kept:
        Path(kept).chmod(0o711)  # where this is root, PostgreSQL's own user must pass through
        camera = Camera(options.folder)
        story = Illustrated(camera, every=options.all)
        world = World(Place(Path(kept) / "demo"), port, story)
        try:
            world.start()
            device = world.wait_until_live()
            story.open(world)
            story.stage("joined", f"{device['name']} is live")
            DiskDrill(world, story, device).play()
        finally:
            world.stop()
            camera.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
