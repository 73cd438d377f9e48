"""Every read of the API over the console's seeded story, and the same reads by somebody of another organisation."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import update
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION

from sereno_server.access.accounts import create_account
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.store.engine import Scope
from sereno_server.store.tables import changes

pytestmark = pytest.mark.slow


@pytest.fixture
def token(site):
    """Of a technician in the seeded organisation, who sees everything below."""

    async def fill():
        async with site.app.store.transaction(Scope(ORGANISATION)) as tx:
            await seed.fill(tx, datetime.now(UTC))
        async with site.app.store.transaction(Scope.system()) as tx:
            account = await create_account(tx, "noa", "Noa", "technician", organisation_id=ORGANISATION)
            return await issue(tx, "token", account, utc_now())

    return asyncio.run(fill())


def items(site, path, token):
    answer = site.call("GET", f"/api/v1{path}", token)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_everything_the_console_shows_can_be_read_and_only_by_its_own_organisation(site, token):
    devices = items(site, "/devices", token)
    tickets = items(site, "/tickets", token)
    runs = items(site, "/runs", token)
    device = next(row for row in devices if row["ticket"])["id"]
    ticket, run = tickets[0]["id"], next(row for row in runs if row["plan_digest"])["id"]
    stranger = site.secret("other", "administrator", "token")
    for path in (
        f"/devices/{device}",
        f"/devices/{device}/series",
        f"/devices/{device}/changes",
        f"/devices/{device}/inventory",
        f"/devices/{device}/degradation",
        f"/tickets/{ticket}",
        f"/runs/{run}",
        f"/runs/{run}/plan",
    ):
        assert site.call("GET", f"/api/v1{path}", token).status_code == 200, path
        refused = site.call("GET", f"/api/v1{path}", stranger)
        assert refused.json()["code"] == "E_NOT_FOUND", path
    for path in ("/ledger", "/runs?state=planned", "/tickets?state=solved", "/playbooks"):
        assert isinstance(items(site, path, token), list)
    assert site.call("GET", "/api/v1/scoreboard", token).json()["predictors"]
    assert items(site, "/tickets", stranger) == []
    assert items(site, "/runs", stranger) == []


def test_a_ticket_can_be_named_by_its_number(site, token):
    first = items(site, "/tickets", token)[0]
    for name in (f"T-{first['number']}", f"t-{first['number']}", str(first["number"])):
        assert site.call("GET", f"/api/v1/tickets/{name}", token).json()["id"] == first["id"]


def test_a_listing_comes_page_by_page_and_whole(site, token):
    everything = items(site, "/devices", token)
    seen, cursor = [], ""
    while True:
        page = site.call("GET", f"/api/v1/devices?limit=3&cursor={cursor}", token).json()
        seen += page["items"]
        if not (cursor := page["next"]):
            break
    assert [row["id"] for row in seen] == [row["id"] for row in everything]
    ledger = items(site, "/ledger", token)
    page = site.call("GET", "/api/v1/ledger?limit=2", token).json()
    after = site.call("GET", f"/api/v1/ledger?limit=2&cursor={page['next']}", token).json()
    assert [row["id"] for row in (*page["items"], *after["items"])] == [row["id"] for row in ledger[:4]]


def test_changes_of_one_moment_are_paged_without_a_gap(site, token):
    device = next(row for row in items(site, "/devices", token) if row["ticket"])["id"]

    async def at_once():
        async with site.app.store.transaction(Scope.system()) as tx:
            await tx.execute(update(changes).where(changes.c.device_id == device).values(at=utc_now()))

    asyncio.run(at_once())
    everything = items(site, f"/devices/{device}/changes", token)
    seen, cursor = [], ""
    for _ in everything:
        page = site.call("GET", f"/api/v1/devices/{device}/changes?limit=1&cursor={cursor}", token).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert seen == [row["id"] for row in everything]
    assert len(seen) > 1
    packages = items(site, f"/devices/{device}/changes?kind=package", token)
    assert {row["kind"] for row in packages} == {"package"}


def test_the_fleet_is_asked_by_version(site, token):
    answer = site.call("GET", "/api/v1/inventory?q=openssl+%3C+3.0.15", token).json()
    assert (answer["devices"], answer["of"]) == (3, 4)
    assert {fact["name"] for fact in answer["facts"]} == {"openssl"}
    stranger = site.secret("other", "administrator", "token")
    assert site.call("GET", "/api/v1/inventory?q=openssl", stranger).json()["devices"] == 0


def test_samples_of_a_series_come_as_pairs_within_the_range(site, token):
    device = next(row for row in items(site, "/devices", token) if row["ticket"])["id"]
    series = site.call("GET", f"/api/v1/devices/{device}/series", token).json()
    measured = next(one for one in series if one["latest"])
    at = measured["latest"][0]
    path = f"/api/v1/devices/{device}/samples?series={measured['id']}"
    pairs = site.call("GET", f"{path}&from={at}&to={at + 1}", token).json()["samples"]
    assert pairs == [measured["latest"]]
    assert site.call("GET", f"{path}&from={at}&to={at}", token).json()["samples"] == []
    hour = f"{path}&from={at - 3_600_000}&to={at + 1}"
    plain, rates = (site.call("GET", f"{hour}&rate={rate}", token).json()["samples"] for rate in ("false", "true"))
    assert {at for at, _ in rates} <= {at for at, _ in plain[1:]}
    assert all(value >= 0 for _, value in rates)
    assert site.call("GET", f"{path}&from=9&to=1", token).json()["code"] == "E_BAD_REQUEST"


def test_samples_are_rolled_up_on_one_device_and_over_the_fleet(site, token):
    device = next(row for row in items(site, "/devices", token) if row["ticket"])
    series = site.call("GET", f"/api/v1/devices/{device['id']}/series", token).json()
    measured = next(one for one in series if one["latest"])
    at = measured["latest"][0]
    around = f"from={at - 3_600_000}&to={at + 1}"
    path = f"/api/v1/devices/{device['id']}/samples?series={measured['id']}&{around}"
    plain = [row for row in site.call("GET", path, token).json()["samples"] if row[0] >= (at - 3_600_000)]
    rolled = site.call("GET", f"{path}&step=300", token).json()["samples"]
    assert rolled
    assert max(high for *_, high, _ in rolled) >= max(value for _, value in plain)
    assert sum(count for *_, count in rolled) >= len(plain)
    fleet = site.call("GET", f"/api/v1/samples?name={measured['name']}&{around}&step=300&limit=1", token).json()
    seen = {one["name"] for one in fleet["items"]}
    assert len(seen) == 1
    while fleet["next"]:
        asked = f"/api/v1/samples?name={measured['name']}&{around}&step=300&limit=1&cursor={fleet['next']}"
        fleet = site.call("GET", asked, token).json()
        assert not seen & {one["name"] for one in fleet["items"]}
        seen |= {one["name"] for one in fleet["items"]}
    assert device["name"] in seen
    whole = site.call("GET", f"/api/v1/samples?name={measured['name']}&{around}&step=300", token).json()
    counted = [sum(count for *_, count in one["samples"]) for one in whole["items"]]
    assert sum(count for *_, count in whole["together"]) == sum(counted)
    assert site.call("GET", f"{path}&step=7", token).json()["code"] == "E_BAD_REQUEST"


def test_what_cannot_be_done_is_told_by_code(site, token):
    ticket = items(site, "/tickets?state=open", token)[0]["id"]
    device = items(site, "/devices", token)[0]["id"]
    run = items(site, "/runs", token)[0]["id"]
    for path, body, code in (
        (f"/tickets/{ticket}/runs", {"playbook": "no.such"}, {"E_PLAYBOOK_UNKNOWN", "E_REQUESTER_UNKNOWN"}),
        (f"/devices/{device}/runs", {}, {"E_PARAMETER"}),
        (f"/runs/{run}/signatures", {"purpose": "approve", "signature": "x"}, {"E_CONFLICT", "E_SIGNATURE_FORMAT"}),
        (f"/runs/{run}/signatures", {"purpose": "both", "signature": "x"}, {"E_BAD_REQUEST"}),
        ("/runs/run_none/deny", {"reason": ""}, {"E_NOT_FOUND"}),
        ("/join-codes", {"valid_s": 1}, {"E_BAD_REQUEST"}),
    ):
        assert site.call("POST", f"/api/v1{path}", token, json=body).json()["code"] in code, path


def test_a_join_code_names_the_root_and_is_made_by_those_who_may(site, tmp_path):
    token = site.secret("bakery", "technician", "token")
    assert site.call("POST", "/api/v1/join-codes", token, json={}).json()["code"] == "E_ROSTER_MISSING"
    approver = site.secret("bakery", "approver", "token")
    assert site.call("POST", "/api/v1/join-codes", approver, json={}).json()["code"] == "E_FORBIDDEN"


def test_a_person_rates_a_ticket_and_ends_a_mute_and_a_stranger_cannot(site, token):
    ticket = items(site, "/tickets", token)[0]["id"]
    stranger, word = site.secret("other", "administrator", "token"), {"useful": False}
    rating = f"/api/v1/tickets/{ticket}/rating"
    assert site.call("POST", rating, token, json=word).json() == {"ticket": ticket, "useful": False}
    assert site.call("POST", rating, stranger, json=word).json()["code"] == "E_NOT_FOUND"
    assert site.call("GET", "/api/v1/scoreboard", token).json()["not_useful"] == 1
    assert site.call("POST", "/api/v1/mutes/mut_none/end", token, json={}).json()["code"] == "E_NOT_FOUND"


def test_devices_are_sorted_by_degradation_and_the_organisation_is_as_bad_as_its_worst(site, token):
    scores = [row["degradation"] for row in items(site, "/devices?sort=degradation", token)]
    assert scores == sorted(scores, reverse=True)
    whole = site.call("GET", "/api/v1/degradation", token).json()
    assert whole["score"] >= scores[0] > 0
    assert len(whole["days"]) > 40
