"""The console in real Chromium, over real HTTP: signing in, keys, live parts, charts, themes, a phone."""

import asyncio
import os
import re
import shutil
import socket
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import update
from tests.server.web.conftest import fill, sign_in
from tests.server.web.seed_rows import ORGANISATION, device_id
from tests.server.web.seed_tickets import Story

from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server import http
from sereno_server.app import App, now
from sereno_server.config import Settings
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.gateway import Gateway
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, Events, emit
from sereno_server.store.logs import Said, append
from sereno_server.store.tables import changes, devices, tickets
from sereno_server.web import assets

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

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
PATIENCE_MS = 15_000
T = TypeVar("T")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in SERENO_CHROMIUM"),
    pytest.mark.skipif(
        not (assets.FOLDER / "vendor" / "uplot.js").exists(),
        reason="browser libraries not built: pip install -e .",
    ),
]


def run(work: Coroutine[None, None, T]) -> T:
    """Runs it in a thread of its own, because playwright keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Console:
    """A listening server over the story, and who can sign in to it."""

    def __init__(self, app: App, story: Story, link: str) -> None:
        self.app, self.story, self.link = app, story, link
        self.url = app.settings.public_url

    def change(self, *statements: object, kind: str, device: str = "") -> None:
        """Changes rows and tells everyone, as a part of the server does."""

        async def play() -> None:
            async with self.app.store.transaction(Scope(ORGANISATION)) as tx:
                for statement in statements:
                    await tx.execute(statement)
                await emit(tx, Event(kind, ORGANISATION, "", device))

        run(play())

    def say(self, sequence: int, text: str) -> None:
        """A line of the machine arrives, as the gateway stores it."""

        async def play() -> None:
            at = datetime.now(UTC)
            block = LogBlock(source="app", lines=[LogLine(time_ms=int(at.timestamp() * 1000), severity=3, text=text)])
            who = (ORGANISATION, device_id("srv-files-02"))
            async with self.app.store.transaction(Scope(ORGANISATION)) as tx:
                await append(tx, Said(*who, b"e" * 16, sequence, 0, block), at.date())
                await emit(tx, Event("log", who[0], who[1], who[1]))

        run(play())


@pytest.fixture
def console(store: Store, database_url: str, tmp_path: Path) -> Iterator[Console]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(data_dir=tmp_path, http_port=port, public_url=f"http://localhost:{port}")
    events, authority = Events(database_url), Authority.make(now())
    app = App(settings, store, events, Gateway(settings, store, events, authority, now), authority, now())
    story, link = run(fill(app)), run(sign_in(app, "noa", "technician", "link"))
    loop, ready, tasks = asyncio.new_event_loop(), threading.Event(), []

    async def serve() -> None:
        tasks.extend([asyncio.create_task(http.run(app)), asyncio.create_task(events.run())])
        await events.listening.wait()
        ready.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield Console(app, story, f"{settings.public_url}/enter/{link}")
    finally:
        loop.call_soon_threadsafe(app.stopping.set)
        for task in tasks:
            loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
        loop.close()


@pytest.fixture
def browser():
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield launched
        launched.close()


@pytest.fixture
def page(browser, console):
    """A signed-in page; it fails the test when the browser complains about anything."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en", timezone_id="Europe/Madrid")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    opened.goto(console.link)
    yield opened
    context.close()
    assert complaints == []


def test_a_link_signs_in_once_and_the_fleet_says_who_needs_me(page, console):
    playwright.expect(page.locator("h1")).to_contain_text("One machine needs someone")
    playwright.expect(page.locator("body")).to_have_attribute("data-zone", "Europe/Madrid")
    again = page.context.browser.new_context().new_page()
    again.goto(console.link)
    assert "/sign-in" in again.url


def test_the_keyboard_reaches_every_place(page, console):
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("[data-row].cursor").count() == 1
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tickets")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/T-4817")
    page.keyboard.press("a")
    page.wait_for_url("**/approve/**")
    page.go_back()
    page.keyboard.press("?")
    playwright.expect(page.locator("#keymap")).to_be_visible()
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#keymap")).to_be_hidden()


def test_search_keeps_the_keys_at_rest_and_shows_in_the_address(page, console):
    page.keyboard.press("/")
    page.keyboard.type("tablet")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=tablet"))
    playwright.expect(page.locator("tbody [data-row]")).to_have_count(1)


def test_the_chart_is_drawn_and_follows_the_range_keys(page, console):
    page.goto(f"{console.url}/devices/srv-files-02")
    chart = page.locator("[data-chart]")
    playwright.expect(chart).to_have_attribute("data-drawn", re.compile(r"\d+"))
    playwright.expect(chart.locator("canvas")).to_have_count(1)
    playwright.expect(chart).to_have_attribute("aria-label", re.compile("Forecast to be full in 4 h"))
    page.keyboard.press("2")
    playwright.expect(page.locator('button[data-range="6h"]')).to_have_attribute("aria-pressed", "true")
    assert "range=6h" in page.url


def test_a_chart_zooms_and_moves_without_a_page_load(page, console):
    page.goto(f"{console.url}/devices/srv-files-02/metrics?series=5")
    chart = page.locator("[data-chart]")
    playwright.expect(chart).to_have_attribute("data-drawn", re.compile(r"\d+"))
    page.evaluate("window.stayed = true")
    with page.expect_response(re.compile(r"/metrics/chart\?.*from=\d+&to=\d+")) as zoomed:
        page.locator("[data-zoom-by=out]").click()
    wider = zoomed.value.json()
    assert wider["end"] - wider["start"] == 7_200_000
    chart.focus()
    with page.expect_response(re.compile(r"/metrics/chart\?.*from=")) as moved:
        page.keyboard.press("ArrowLeft")
    earlier = moved.value.json()
    assert earlier["start"] < wider["start"]
    assert earlier["end"] - earlier["start"] == 7_200_000
    page.locator("input[name=q]").fill("mem total")
    playwright.expect(page.locator("#series-count")).to_have_text("1 of 9")
    page.get_by_role("link", name="memory_total_bytes").click()
    playwright.expect(page.locator("[data-chart-title]")).to_have_text("memory_total_bytes")
    assert page.evaluate("window.stayed")


def test_a_change_on_the_machine_shows_without_a_reload(page, console):
    page.goto(f"{console.url}/devices/srv-files-02")
    playwright.expect(page.locator("#live")).to_contain_text("Live")
    page.evaluate("window.notReloaded = true")
    console.change(update(changes).values(summary="A new word for it"), kind="change", device=device_id("srv-files-02"))
    playwright.expect(page.locator("#changed")).to_contain_text("A new word for it")
    assert page.evaluate("window.notReloaded")


def test_the_timeline_of_changes_grows_without_a_reload_and_leaves_the_search_alone(page, console):
    page.goto(f"{console.url}/devices/srv-files-02/changes")
    playwright.expect(page.locator("#live")).to_contain_text("Live")
    page.locator("#changes input[type=search]").fill("half typed")
    console.change(update(changes).values(summary="A new word for it"), kind="change", device=device_id("srv-files-02"))
    playwright.expect(page.locator("#changes .timeline > li").first).to_contain_text("A new word for it")
    assert page.locator("#changes input[type=search]").input_value() == "half typed"


def test_the_fleet_is_asked_and_its_answer_opens(page, console):
    page.goto(f"{console.url}/inventory")
    page.keyboard.type("openssl < 3.0.15")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("h1")).to_have_text("3 machines have openssl < 3.0.15.")
    page.locator("#inventory tbody a", has_text="srv-files-02").click()
    playwright.expect(page.locator("#inventory")).to_contain_text("3.0.14-1~deb12u2")


def test_a_ticket_moves_on_before_my_eyes(page, console):
    page.goto(f"{console.url}/tickets/T-4817")
    playwright.expect(page.locator("[data-chart]")).to_have_attribute("data-drawn", re.compile(r"\d+"))
    console.change(
        update(tickets)
        .where(tickets.c.number == 4817)
        .values(state="resolved", stage="resolved", resolution="81 GB freed", resolved_at=datetime.now(UTC)),
        kind="ticket",
        device=device_id("srv-files-02"),
    )
    playwright.expect(page.locator("h1")).to_contain_text("solved")
    playwright.expect(page.locator("#c6")).to_contain_text("81 GB freed")
    playwright.expect(page.locator("[data-chart] canvas")).to_have_count(1)


def test_the_first_machine_shows_up_without_a_reload(page, console):
    console.change(update(devices).values(revoked_at=datetime.now(UTC)), kind="device")
    page.goto(console.url)
    playwright.expect(page.locator("h1")).to_have_text("No machine has joined yet.")
    console.change(update(devices).where(devices.c.name == "mail-01").values(revoked_at=None), kind="device")
    playwright.expect(page.locator("tbody [data-row]")).to_have_count(1)
    playwright.expect(page.locator("h1")).to_contain_text("One decision is wanted")  # the plan of the story


def test_new_rows_wait_behind_a_count(page, console):
    page.goto(f"{console.url}/tickets?view=open")
    playwright.expect(page.locator("tbody [data-row]")).to_have_count(1)
    console.change(
        update(tickets).where(tickets.c.number == 4790).values(state="open", stage="predicted"), kind="ticket"
    )
    button = page.locator("[data-new]")
    playwright.expect(button).to_have_text("1 new, show")
    playwright.expect(page.locator("tbody [data-row]")).to_have_count(1)
    button.click()
    playwright.expect(page.locator("tbody [data-row]")).to_have_count(2)


def test_day_and_night_is_one_key_and_is_remembered(page, console):
    first = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("Shift+D")
    second = page.evaluate("document.documentElement.dataset.theme")
    assert {first, second} == {"light", "dark"}
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == second


def test_the_plan_is_read_and_denied_on_a_phone(page, console):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{console.url}/approve/{console.story.run_id}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("pre.signed").inner_text().strip() == console.story.plan_text.decode().strip()
    page.get_by_role("link", name="Deny with reason").click()
    page.get_by_label("In your words").fill("payday")
    page.get_by_role("button", name="Too risky").click()
    playwright.expect(page.locator("#decision")).to_contain_text("Denied")
    playwright.expect(page.locator("#decision")).to_contain_text("payday")


def test_no_page_is_wider_than_a_phone(page, console):
    page.set_viewport_size({"width": 390, "height": 844})
    device = "/devices/srv-files-02"
    own = ("/", device, f"{device}/changes", f"{device}/inventory", "/inventory?q=openssl")
    for path in (*own, "/tickets", "/tickets/T-4817", "/approvals", "/ledger", "/scoreboard"):
        page.goto(f"{console.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path


def test_spanish_is_one_click_away(page, console):
    page.get_by_role("link", name="Español").first.click()
    playwright.expect(page.locator("h1")).to_contain_text("necesita a alguien")
    playwright.expect(page.locator("#live")).to_contain_text("En directo")


def test_logs_are_followed_live_and_say_what_was_withheld(page, console):
    page.goto(f"{console.url}/devices/srv-files-02/logs")
    playwright.expect(page.locator(".note")).to_contain_text("1,840 lines were not sent")
    playwright.expect(page.locator(".sub").first).to_contain_text("Secrets were taken out of 1 line on")
    page.keyboard.press("f")
    page.wait_for_url(re.compile(r"follow=1"))
    playwright.expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")
    for n, text in enumerate(("disk sdb: first error", "<b>second</b> error & more")):
        console.say(900 + n, text)
        newest = page.locator("#lines tbody tr").first
        playwright.expect(newest.locator(".text")).to_have_text(text)
        playwright.expect(newest).to_contain_text("rror")
    page.keyboard.press("f")
    page.wait_for_url(lambda url: "follow" not in url)
    before = page.locator("#lines tbody tr").first.locator(".text").text_content()
    console.say(990, "third error")
    playwright.expect(page.locator("[data-new]")).to_be_visible()
    assert page.locator("#lines tbody tr").first.locator(".text").text_content() == before, "what is read stays put"


def test_a_backtest_runs_in_its_own_process_and_its_report_is_one_file_without_scripts(page, console, tmp_path):
    page.goto(f"{console.url}/devices/srv-files-02/backtest")
    playwright.expect(page.locator("h1")).to_contain_text("What would it have told you of srv-files-02?")
    page.get_by_role("button", name="Replay").click()
    playwright.expect(page.locator("#b-said")).to_be_visible(timeout=4 * PATIENCE_MS)
    playwright.expect(page.locator("h1")).to_contain_text("srv-files-02: 1 warning")
    playwright.expect(page.locator("svg.replay polygon.band")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    saved = tmp_path / "report.html"
    download.value.save_as(saved)
    text = saved.read_text()
    assert "<script" not in text
    assert not re.findall(r"<[^>]*\s(?:src|href)=|https?://(?!www\.w3\.org)", text)
    page.goto(saved.as_uri())
    playwright.expect(page.locator("h1")).to_contain_text("srv-files-02: 1 warning")
