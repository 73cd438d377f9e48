"""What changes on a machine is in the console within ten seconds, and what the machine is can be asked."""

import json
import time

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_S = 10.0


def test_an_edited_file_shows_its_diff_and_the_inventory_answers(demo):
    settings = demo.folder / "agent" / "agent.toml"
    settings.parent.mkdir(parents=True)
    # The owner lets the sweep come once an hour: only the event of the edit can be this quick.
    settings.write_text("collect_interval_ms = 1000\n[collector_interval_ms]\nwatched_files = 3600000\n")
    settings.chmod(0o600)
    demo.start()
    told: dict[str, str] = {}
    while "login_link" not in told:
        told |= demo.until("note")
    demo.until("joined", "stage")
    name = json.loads(demo.sereno("devices", "--json").stdout)[0]["name"]
    with httpx.Client(follow_redirects=True, headers={"accept": "text/html"}) as browser:
        browser.get(told["login_link"])
        _until(browser, f"{told['url']}/devices/{name}/inventory?kind=system", "kernel", 60.0)
        config = next(demo.folder.rglob("app.conf"))
        config.write_text(config.read_text() + "password = hunter2\ncolour = blue\n")
        page = _until(browser, f"{told['url']}/devices/{name}/changes?kind=file", "colour = blue", WITHIN_S)
        assert "hunter2" not in page
        assert 'class="l add"' in page
        asked = browser.get(f"{told['url']}/inventory", params={"q": "system.kernel > 1.0"})
        assert "One machine has system.kernel &gt; 1.0" in asked.text
    assert demo.interrupt() == 0


def _until(browser: httpx.Client, address: str, text: str, within_s: float) -> str:
    ends = time.monotonic() + within_s
    page = ""
    while time.monotonic() < ends:
        page = browser.get(address).text
        if text in page:
            return page
        time.sleep(0.25)
    raise AssertionError(f"{text!r} is not on {address} after {within_s:g} s: {page[-3000:]}")
