"""Every page answers its question, in both languages, with nothing that the content policy forbids."""

import asyncio
import re
from html import unescape

import pytest
from tests.server.web.conftest import Visitor, sign_in
from tests.server.web.seed_rows import ORGANISATION

from sereno_server.access.accounts import create_account
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.http import create_http
from sereno_server.reads.runs import run
from sereno_server.store.engine import Scope

pytestmark = pytest.mark.slow

PAGES = [
    "/",
    "/?view=soon",
    "/?q=srv&view=soon",
    "/?q=nothing-like-it",
    "/?sort=degradation",
    "/devices/srv-files-02",
    "/devices/srv-files-02?range=6h",
    "/devices/srv-files-02/logs",
    "/devices/srv-files-02/logs?q=space&severity=4&range=7d&follow=1",
    "/devices/tablet-12/logs",
    "/devices/tablet-12",
    "/devices/srv-files-02/changes",
    "/devices/srv-files-02/changes?kind=package",
    "/devices/srv-files-02/changes?q=till",
    "/devices/srv-files-02/changes?q=nothing-like-it",
    "/devices/tablet-12/changes",
    "/devices/srv-files-02/inventory",
    "/devices/srv-files-02/policy",
    "/devices/srv-files-02/backtest",
    "/devices/tablet-12/backtest",
    "/devices/srv-files-02/inventory?kind=package&q=ssl",
    "/devices/tablet-12/inventory",
    "/inventory",
    "/inventory?q=openssl+%3C+3.0.15",
    "/inventory?q=nothing-like-it",
    "/devices/srv-files-02/metrics",
    "/devices/srv-files-02/metrics?q=var+used&series=1",
    "/devices/srv-files-02/metrics?q=nothing-like-it",
    "/devices/tablet-12/metrics",
    "/tickets",
    "/tickets?view=solved",
    "/tickets?q=libvirt&view=all",
    "/tickets/T-4817",
    "/tickets/T-4790",
    "/approvals",
    "/grants",
    "/grants/grt_1",
    "/ledger",
    "/ledger?q=noa",
    "/rules",
    "/scoreboard",
    "/coming",
    "/coming?within=1d&kind=filesystem&q=srv",
    "/sign-in",
]


def headline(text: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)[1])).strip()


def forbidden(text: str) -> list[str]:
    """What a strict content policy would block, and what a template forgot to fill in."""
    found = re.findall(r"<[^>]*\sstyle=[^>]*>|<[^>]*\son[a-z]+=[^>]*>|<style", text)
    found += [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag]
    return found + re.findall(r"javascript:|\{\{|\{%|\bNone\b(?=<)|https?://(?!www\.w3\.org)[^\s\"<]+", text)


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_is_served_whole_and_clean(visitor, language):
    approve = f"/approve/{visitor.story.run_id}"
    for path in [*PAGES, approve]:
        answer = visitor.get(path, **{"accept-language": language})
        assert answer.status_code == 200, path
        assert f'lang="{language}"' in answer.text
        assert answer.text.count("<h1>") == 1, path
        assert forbidden(answer.text.replace(">None<", "><")) == [], path
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_the_headlines_are_the_answers(visitor):
    assert "One machine needs someone" in headline(visitor.get("/").text)
    assert "/var will be full in 4 h" in headline(visitor.get("/devices/srv-files-02").text)
    assert "silent for 9 h" in headline(visitor.get("/devices/tablet-12").text)
    assert headline(visitor.get("/devices/mail-01").text) == "mail-01 is well. Nothing runs out in sight."
    assert "A fix is ready and waits for a signature." in headline(visitor.get("/tickets/T-4817").text)
    assert headline(visitor.get("/tickets").text).startswith("One ticket is open.")
    assert headline(visitor.get("/scoreboard").text).startswith("Of 100 warnings, 86 came true")
    assert headline(visitor.get(f"/approve/{visitor.story.run_id}").text) == "Free space on srv-files-02?"


def test_the_approve_page_shows_the_exact_text_and_the_command(visitor):
    text = visitor.get(f"/approve/{visitor.story.run_id}").text
    shown = unescape(re.search(r'<pre class="signed[^>]*>(.*?)</pre>', text, re.DOTALL)[1])
    assert shown.encode() == visitor.story.plan_text
    assert f'data-copy="sereno approve {visitor.story.run_id}"' in text
    assert "sereno plan v1" in shown


def test_what_machines_send_is_shown_as_text_and_never_runs(visitor):
    from sqlalchemy import update

    from sereno_server.store.tables import changes, findings, timeline

    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"

    async def spoil():
        async with visitor.app.store.transaction(Scope(ORGANISATION)) as tx:
            await tx.execute(update(changes).values(summary=nasty, diff=f"-{nasty}\n+{nasty}x", who=nasty))
            await tx.execute(update(findings).values(title=nasty, evidence=[[nasty, nasty]]))
            await tx.execute(update(timeline).values(text=nasty, actor=nasty))

    asyncio.run(spoil())
    for path in ("/", "/devices/srv-files-02", "/tickets/T-4817", f"/approve/{visitor.story.run_id}"):
        text = visitor.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text


def test_saying_no_ends_the_run_and_shows_on_the_ticket(visitor):
    path = f"/approve/{visitor.story.run_id}"
    origin = {"origin": visitor.app.settings.public_url}
    form = {"reason": "too risky", "words": "payday"}
    answer = visitor.ask("POST", f"{path}/deny", headers=origin, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "too risky: payday" in visitor.get(path).text

    async def state():
        async with visitor.app.store.transaction(Scope(ORGANISATION)) as tx:
            return (await run(tx, visitor.story.run_id)).state

    assert asyncio.run(state()) == "denied"
    again = visitor.ask("POST", f"{path}/deny", headers=origin, data=form)
    assert "E_CONFLICT" in again.text


def test_a_form_from_another_site_is_refused(visitor):
    path = f"/approve/{visitor.story.run_id}/deny"
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        assert visitor.ask("POST", path, headers=headers, data={}).status_code == 403


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page_and_back(visitor):
    answer = visitor.get("/tickets/T-4817", session="")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?")
    assert "Sign in with a link." in visitor.get("/sign-in", session="").text
    assert "used or has expired" in visitor.get("/sign-in?code=E_EXPIRED", session="").text


def test_another_organisation_sees_none_of_it(visitor):
    from sqlalchemy import insert

    from sereno_server.store.tables import organisations

    async def other() -> str:
        async with visitor.app.store.transaction(Scope.system()) as tx:
            values = {"organisation_id": "org_other", "name": "Other", "root_text": b"x", "root_signatures": []}
            await tx.execute(insert(organisations).values(**values))
            account = await create_account(tx, "zoe", "Zoe", "technician", organisation_id="org_other")
            return await issue(tx, "session", account, utc_now())

    session = asyncio.run(other())
    assert headline(visitor.get("/", session=session).text) == "No machine has joined yet."
    assert headline(visitor.get("/inventory?q=openssl", session=session).text) == "No machine has openssl."
    for path in ("/devices/srv-files-02/changes", "/devices/srv-files-02/inventory"):
        assert visitor.get(path, session=session).status_code == 404
    for path in ("/devices/srv-files-02", "/tickets/T-4817", f"/approve/{visitor.story.run_id}"):
        answer = visitor.get(path, session=session)
        assert answer.status_code == 404
        assert "E_NOT_FOUND" in answer.text
    ledger = visitor.get("/ledger", session=session).text  # holds that zoe's account was made, and nothing of the story
    assert headline(ledger).startswith("One thing was done")
    assert "Account made" in ledger
    assert visitor.story.run_id not in ledger


def test_a_fresh_installation_says_what_to_do_first(app):
    from sereno_server.access.sign_in import issue as issue_secret

    async def administrator() -> str:
        async with app.store.transaction(Scope.system()) as tx:
            account = await create_account(tx, "root", "Root", "administrator", organisation_id=None)
            return await issue_secret(tx, "session", account, utc_now())

    fresh = Visitor(app, create_http(app), None, asyncio.run(administrator()))
    text = fresh.get("/").text
    assert headline(text) == "No machine has joined yet."
    assert "sereno join-code" in text
    for path, said in [
        ("/tickets", "No ticket is open."),
        ("/approvals", "Nothing waits for a signature."),
        ("/ledger", "The ledger is empty."),
        ("/scoreboard", "No warning has been scored yet."),
    ]:
        assert headline(fresh.get(path).text) == said


def test_the_chart_has_history_forecast_and_letters(visitor):
    drawing = visitor.get("/devices/srv-files-02/chart?range=1d").json()
    assert drawing["t"] == sorted(drawing["t"])
    assert 100 < len(drawing["t"]) <= 600
    assert drawing["forecast"][0][0] >= drawing["t"][-1] - 120_000
    assert [c["letter"] for c in drawing["changes"]] == ["A", "B"]
    assert drawing["capacity"] == 40e9
    assert "Forecast to be full in 4 h" in drawing["sentence"]
    assert visitor.get("/tickets/T-4817/chart").json()["range"] == "1d"
    assert visitor.get("/tickets/T-4790/chart").status_code == 200


def test_language_and_zone_are_the_readers(visitor):
    switched = visitor.get("/tickets?lang=es")
    assert "sereno-language=es" in switched.headers["set-cookie"]
    assert "Hay un caso abierto." in headline(switched.text)
    there = visitor.ask("GET", "/devices/srv-files-02", session=None, headers={"accept-language": "es-ES,en;q=0.5"})
    assert "se llenará dentro de 4 h" in headline(there.text)


def test_an_approver_is_offered_the_command_first(visitor):
    session = asyncio.run(sign_in(visitor.app, "iker", "approver"))
    text = visitor.get(f"/approve/{visitor.story.run_id}", session=session).text
    assert "btn primary big" in text
    assert "You asked for this" not in text
    assert "You asked for this" in visitor.get(f"/approve/{visitor.story.run_id}").text


def test_static_files_may_be_kept_when_asked_for_by_digest(visitor):
    page = visitor.get("/sign-in", session="").text
    address = re.search(r'href="(/static/style\.css\?v=[0-9a-f]+)"', page)[1]
    assert "immutable" in visitor.get(address, session="").headers["cache-control"]
    assert visitor.get("/static/style.css", session="").headers["cache-control"] == "no-cache"
    assert visitor.get("/static/%2e%2e/pages.py", session="").status_code == 404


def test_changes_are_a_timeline_by_kind(visitor):
    text = visitor.get("/devices/srv-files-02/changes").text
    assert "30 packages: 30 changed" in text
    assert "till-4" in text
    assert 'class="l add"' in text
    only = visitor.get("/devices/srv-files-02/changes?kind=group").text
    assert "smb-office" in only
    assert "30 packages" not in only
    assert headline(text) == "srv-files-02: the last change was 6 h 8 min ago."


def test_the_whole_fleet_is_asked(visitor):
    text = visitor.get("/inventory?q=openssl+%3C+3.0.15").text
    assert headline(text) == "3 machines have openssl < 3.0.15."
    assert [name for name in ("srv-files-02", "mail-01", "srv-erp-01", "db-1") if name in text] == [
        "srv-files-02",
        "srv-erp-01",
        "db-1",
    ]
    assert headline(visitor.get("/inventory?q=openssl+%3E%3D+3.0.15").text) == "One machine has openssl >= 3.0.15."
    assert headline(visitor.get("/inventory?q=Debian+12").text) == "2 machines have Debian 12."
    assert headline(visitor.get("/inventory?q=lib*ssl*").text) == "4 machines have lib*ssl*."
    assert headline(visitor.get("/inventory?q=smbd").text) == "4 machines have smbd."


def test_a_machines_inventory_is_searched(visitor):
    text = visitor.get("/devices/srv-files-02/inventory?q=ssl").text
    assert "3.0.14-1~deb12u2" in text
    assert "5.2.15-2" not in text
    assert headline(text) == "srv-files-02 is Debian GNU/Linux 12 (bookworm) with 3 packages."


def test_every_series_is_found_by_words_of_its_name(visitor):
    text = unescape(visitor.get("/devices/srv-files-02/metrics?q=USED+/var").text)
    assert 'filesystem_used_bytes{mount="/var"}' in text
    assert "memory_used_bytes" not in text


def test_a_series_is_drawn_over_any_stretch_that_is_kept(visitor):
    path = "/devices/srv-files-02/metrics/chart?series=5"
    hour = visitor.get(path).json()
    assert (hour["range"], hour["end"] - hour["start"]) == ("1h", 3_600_000)
    assert hour["t"]
    assert hour["oldest"] < hour["start"]
    start = hour["start"] - 5 * 3_600_000
    past = visitor.get(f"{path}&from={start}&to={start + 3_600_000}").json()
    assert (past["range"], past["start"], past["end"]) == ("", start, start + 3_600_000)
    assert start <= min(past["t"]) <= max(past["t"]) <= start + 3_600_000
    year = visitor.get(f"{path}&range=1y&width=390").json()
    assert (year["range"], year["end"] - year["start"]) == ("1y", 365 * 86_400_000)
    assert year["t"]
    assert max(year["v_high"]) >= max(value for value in past["v"] if value is not None)
    assert visitor.get("/devices/srv-files-02/metrics/chart?series=999").status_code == 404


def test_what_runs_out_is_drawn_over_any_stretch_too(visitor):
    path = "/devices/srv-files-02/chart?series=1"
    whole = visitor.get(path).json()
    asked = f"{path}&from={whole['oldest'] - 10**12}&to={whole['oldest'] - 10**12 + 7_200_000}"
    first = visitor.get(asked).json()
    assert (first["start"], first["end"] - first["start"]) == (whole["oldest"], 7_200_000)
