"""What the page posts to the console that the link named is what the console takes: an approval, and a denial."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from tests.server.approve_site.conftest import Approver
from tests.server.signing import planned, sign, state
from tests.server.world import build

from sereno_proto.passkey_statement import read_statement
from sereno_proto.roster import RosterKey, write_roster
from sereno_server.approve_site.handed_in import HandedIn, take
from sereno_server.approve_site.link import approval_link
from sereno_server.store.tables import rosters, signatures

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CONSOLE = "https://console.example"


def run(work):
    """Runs it in a thread of its own, because playwright keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def posted(approver: Approver, link: str, press) -> HandedIn:
    """What the form brings to the console's address."""
    brought: list[str] = []

    def answer(route):
        brought.append(route.request.post_data)
        route.fulfill(body="taken")

    approver.context.route(f"{CONSOLE}/signed", answer)
    approver.open(link)
    press(approver.page)
    approver.page.wait_for_url(f"{CONSOLE}/signed")
    fields = dict(parse_qsl(brought[0]))
    given = {name: value.replace("\r\n", "\n") for name, value in fields.items()}
    return HandedIn(given["organisation"], given["of"], given["purpose"], given["signature"], given.get("reason", ""))


def test_an_approval_and_a_denial_go_from_the_page_to_the_console(store, tmp_path, approver, origin):
    world = run(build(store, tmp_path))
    statement, _ = approver.enrol(origin, world.organisation_id, "sam")
    passkey = read_statement((statement.rstrip("\n") + "\n").encode()).passkey

    async def prepare():
        world.now = datetime.now(UTC)  # the browser's clock is the real one
        sam = world.roster.person("sam")
        held = replace(sam, keys=(*sam.keys, RosterKey("approve", passkey)))
        persons = tuple(held if one is sam else one for one in world.roster.persons)
        world.roster = replace(world.roster, version=2, persons=persons)
        text = write_roster(world.roster)
        await world.put(rosters, version=2, roster_text=text, signatures=[], expires_at=world.roster.expires)
        first, second = await planned(world), await planned(world)
        await sign(world, first, "noa", "request")
        return first, second

    first, second = run(prepare())
    approval = posted(approver, approval_link(origin, first["plan_text"], CONSOLE), lambda page: page.click("#approve"))
    assert run(take(world, approval, clock=world.clock)).name == "sam"
    assert len(run(world.rows(signatures, run_id=first["id"]))) == 2

    def refuse(page):
        page.click("#no")
        page.fill("#words", "¿hoy no?")
        page.click("text=too risky")

    denial = posted(approver, approval_link(origin, second["plan_text"], CONSOLE), refuse)
    assert (denial.purpose, denial.reason) == ("deny", "too risky: ¿hoy no?")
    run(take(world, denial, clock=world.clock))
    assert run(state(world, second))[0] == "denied"
