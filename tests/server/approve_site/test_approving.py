"""From making a passkey to a device that carries the plan out: the page in Chromium, the executor's own verdict."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.agent.executor.granting import bounds, offer_text, standing
from tests.agent.executor.house import House, code_of, signature, step
from tests.server.approve_site.conftest import Approver

from sereno_proto import passkeys, sshsig
from sereno_proto.grants import NAMESPACES, write_grant
from sereno_proto.passkey_statement import read_statement
from sereno_proto.roster import RosterKey
from sereno_proto.v1.runs_pb2 import RunState
from sereno_server.approve_site.link import approval_link
from sereno_server.cli.passkey import confirmed

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def house(tmp_path):
    (tmp_path / "keys").mkdir()
    made = House(tmp_path, tmp_path / "keys")
    made.now_ms = int(datetime.now(UTC).timestamp() * 1000)  # the browser's clock is the real one
    made.pin(made.make_roster(3))
    made.start()
    return made


def enrol(house: House, approver: Approver, origin: str) -> passkeys.Passkey:
    """ana makes a passkey, signs its statement with the key she has, and the roster takes it."""
    text, fingerprint = approver.enrol(origin, house.organisation, "ana")
    text += "" if text.endswith("\n") else "\n"
    signed = house.key("ana-0-approve").sign(text.encode(), sshsig.PASSKEY_NAMESPACE)
    passkey = confirmed("ana", text.encode(), signed, "", house.roster, datetime.now(UTC))
    assert passkey.fingerprint == fingerprint == read_statement(text.encode()).passkey.fingerprint
    assert passkey.origin == origin
    put(house, passkey)
    return passkey


def put(house: House, *keys: passkeys.Passkey, version: int = 4) -> None:
    roster = house.make_roster(version)
    persons = tuple(
        replace(one, keys=tuple(RosterKey("approve", key) for key in keys)) if one.name == "ana" else one
        for one in roster.persons
    )
    house.pin(replace(roster, persons=persons))
    house.start()


def test_a_plan_approved_on_the_page_is_carried_out_by_the_device(house, approver, origin):
    enrol(house, approver, origin)
    text = house.plan(step("rotate", "rotate_logs"), step("tidy up", "tidy"))
    approver.requests.clear()
    armored = approver.approve(approval_link(origin, text, ""))
    assert {url.partition("#")[0] for url in approver.requests} <= {f"{origin}/", "about:blank", "data:,"}
    reply = house.execute(text, house.request(text), signature("approve", armored))
    assert reply.WhichOneof("body") != "problem", reply
    assert house.events[-1].state == RunState.RUN_STATE_SUCCEEDED
    again = house.execute(text, house.request(text), signature("approve", armored))
    assert code_of(again) == "E_PLAN_REPLAYED"


def test_what_the_page_shows_is_the_text_and_what_it_means(house, approver, origin):
    text = house.plan(step("rotate", "rotate_logs"))
    approver.open(approval_link(origin, text, "https://console.example"))
    page = approver.page
    assert page.inner_text("h1").startswith("Rotate logs on web-1?")
    assert page.text_content("#text") == text.decode()
    shown = page.inner_text("body")
    for part in (
        "noa asks.",
        str(house.log),
        "Nothing is changed",
        "console.example",
        "(unverified)",
        house.id,
        "tkt_1",
    ):
        assert part in shown, part
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_approval_serves_one_text_one_purpose_and_one_page(house, approver, origin, browser, tmp_path_factory):
    enrol(house, approver, origin)
    text, other = house.plan(), house.plan(step("tidy", "tidy"))
    armored = approver.approve(approval_link(origin, text, ""))
    assert code_of(house.execute(other, house.request(other), signature("approve", armored))) == "E_PASSKEY_CHALLENGE"
    asking = approver.approve(approval_link(origin, text, "", purpose="request"))
    assert code_of(house.execute(text, house.request(text), signature("approve", asking))) == "E_PASSKEY_CHALLENGE"

    port = origin.rpartition(":")[2]
    elsewhere = f"http://evil.localhost:{port}"  # the same file on another origin, as a server would host it
    stranger = Approver(browser)
    try:
        statement, _ = stranger.enrol(elsewhere, house.organisation, "ana")
        theirs = read_statement((statement.rstrip("\n") + "\n").encode()).passkey
        foreign = stranger.approve(approval_link(elsewhere, text, ""))
    finally:
        stranger.context.close()
    assert code_of(house.execute(text, house.request(text), signature("approve", foreign))) == "E_KEY_UNKNOWN"
    put(
        house, replace(theirs, rp_id="approve.localhost", origin=origin), version=5
    )  # even were it on the roster for our page
    assert code_of(house.execute(text, house.request(text), signature("approve", foreign))) == "E_PASSKEY_ORIGIN"


def test_a_damaged_or_hostile_link_signs_nothing(house, approver, origin):
    text = house.plan()
    hostile = [
        approval_link(origin, text.replace(b"requester: noa", b"requester: n\\u{202e}oa"), ""),
        approval_link(origin, text + b"extra: line\n", ""),
        approval_link(origin, b"x" * 300_000, ""),
        approval_link(origin, text, "").replace("doc=", "doc=AAAA"),
        f"{origin}/#doc=%3Cscript%3E",
        f"{origin}/#doc=" + "A" * 70_000,
        approval_link(origin, b"sereno roster v1\norganisation: org_a\n", ""),
    ]
    for link in hostile:
        approver.open(link)
        approver.page.wait_for_selector("[role=alert]")
        assert "E_" in approver.page.inner_text("[role=alert]")
        assert approver.page.locator("#approve").count() == 0


def test_markup_in_a_value_is_text(house, approver, origin):
    text = house.plan(step("<img src=x onerror=alert(1)>", "rotate_logs"))
    approver.open(approval_link(origin, text, "javascript:alert(1)"))
    page = approver.page
    assert "<img src=x onerror=alert(1)>" in page.inner_text("body")
    assert page.locator("main img").count() == 0
    assert "shown here, to be copied" in page.inner_text("#said")


def test_without_verification_the_browser_gives_no_signature(house, browser, origin):
    careless = Approver(browser, verified=False)
    try:
        careless.open(approval_link(origin, house.plan(), ""))
        careless.page.click("#approve")
        careless.page.wait_for_selector("#said .failing")
        assert careless.page.locator("#signature").count() == 0
    finally:
        careless.context.close()


def test_a_page_inside_another_signs_nothing(house, approver, origin, browser):
    outer = browser.new_page()
    link = approval_link(origin, house.plan(), "")
    outer.set_content(f"<iframe src='{link.replace('&', '&amp;')}'></iframe>")
    frame = outer.frame_locator("iframe")
    assert "E_PASSKEY_CROSS_ORIGIN" in frame.locator("[role=alert]").inner_text()
    outer.close()


@pytest.mark.parametrize("make", [bounds, standing])
def test_a_grant_in_advance_is_approved_on_the_page_too(house, approver, origin, make):
    enrol(house, approver, origin)
    text = write_grant(make(house, roster_version_min=4))
    armored = approver.approve(approval_link(origin, text, ""))
    kind = make(house).kind
    request = signature("request", house.key("noa-0-approve").sign(text, NAMESPACES[kind]["request"]))
    reply = offer_text(house, text, [request, signature("approve", armored)])
    assert reply.WhichOneof("body") != "problem", reply


def test_a_name_that_now_means_another_machine_is_said_aloud(house, approver, origin):
    text = house.plan()
    approver.open(approval_link(origin, text, ""))
    assert "first time" in approver.page.inner_text("main")
    approver.open(approval_link(origin, text, ""))
    assert "first time" not in approver.page.inner_text("main")
    approver.open(approval_link(origin, text.replace(house.id.encode(), b"dev_cuckoo"), ""))
    assert f"ANOTHER machine had this name before: {house.id}" in approver.page.inner_text("main")
