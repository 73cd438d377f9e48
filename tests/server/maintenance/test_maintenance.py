"""Announced work and places through the API: who may, what is written down, what makes no sense."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from sereno_server.access.sign_in import utc_now
from sereno_server.cli.maintenance import span
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, ledger

pytestmark = pytest.mark.slow


def body(**changed):
    ends = utc_now() + timedelta(hours=2)
    return {"device": "till-bakery", "ends": ends.isoformat(), "reason": "new disk", **changed}


def announce(house, token, **changed):
    return house.call("POST", "/api/v1/maintenance", token, json=body(**changed))


def verbs(site):
    async def read():
        async with site.app.store.transaction(Scope(site.organisations["bakery"])) as tx:
            return list(await tx.scalars(select(ledger.c.verb)))

    return asyncio.run(read())


def test_a_window_is_announced_listed_and_ended_and_each_is_in_the_ledger(site):
    token = site.secret("bakery", "technician", "token")
    made = announce(site, token).json()["id"]
    (row,) = site.call("GET", "/api/v1/maintenance", token).json()["items"]
    assert (row["id"], row["device_name"], row["reason"], row["made_by"]) == (
        made,
        "till-bakery",
        "new disk",
        "technician",
    )
    assert site.call("POST", f"/api/v1/maintenance/{made}/end", token).status_code == 200
    assert site.call("GET", "/api/v1/maintenance", token).json()["items"] == []
    assert site.call("POST", f"/api/v1/maintenance/{made}/end", token).json()["code"] == "E_NOT_FOUND"
    assert {"maintenance.announce", "maintenance.end"} <= set(verbs(site))


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "  "},
        {"reason": "two\nlines"},
        {"ends": (utc_now() - timedelta(hours=1)).isoformat()},
        {"ends": (utc_now() + timedelta(days=40)).isoformat()},
        {"starts": (utc_now() - timedelta(hours=1)).isoformat()},
        {"site": "Madrid"},
    ],
)
def test_windows_that_make_no_sense_are_refused(site, changed):
    answer = announce(site, site.secret("bakery", "technician", "token"), **changed)
    assert answer.json()["code"] == "E_BAD_REQUEST"


def test_only_staff_of_the_organisation_may_announce(site):
    assert announce(site, site.secret("bakery", "customer", "token")).json()["code"] == "E_FORBIDDEN"
    assert announce(site, site.secret("bakery", "approver", "token")).json()["code"] == "E_FORBIDDEN"
    assert announce(site, site.secret("other", "administrator", "token")).json()["code"] == "E_NOT_FOUND"
    made = announce(site, site.secret("bakery", "administrator", "token")).json()["id"]
    stranger = site.secret("other", "administrator", "token")
    assert site.call("POST", f"/api/v1/maintenance/{made}/end", stranger).json()["code"] == "E_NOT_FOUND"


def test_the_button_on_a_devices_page_starts_and_ends_it(site):
    cookie = {"cookie": f"sereno-8080={site.secret('bakery', 'technician', 'session')}"}
    headers = cookie | {"origin": site.app.settings.public_url, "sec-fetch-site": "same-origin"}
    page = site.call("GET", "/devices/till-bakery", headers=cookie)
    assert 'action="/devices/till-bakery/maintenance"' in page.text
    form = {"reason": "new disk", "minutes": "60"}
    started = site.call("POST", "/devices/till-bakery/maintenance", headers=headers, data=form)
    assert started.headers["location"] == "/devices/till-bakery#work"
    assert "new disk" in site.call("GET", "/devices/till-bakery", headers=cookie).text
    token = site.secret("bakery", "technician", "token")
    (row,) = site.call("GET", "/api/v1/maintenance", token).json()["items"]
    site.call("POST", f"/devices/till-bakery/maintenance/{row['id']}/end", headers=headers)
    assert site.call("GET", "/api/v1/maintenance", token).json()["items"] == []


def test_a_device_stands_behind_another_and_never_behind_itself(site):
    async def add():
        async with site.app.store.transaction(Scope.system()) as tx:
            of = {"organisation_id": site.organisations["bakery"], "identity_key": b"r" * 32}
            made = insert(devices).values(**of, id="dev_router", name="router", platform="linux", agent_version="1")
            await tx.execute(made)

    asyncio.run(add())
    token = site.secret("bakery", "technician", "token")
    put = {"site": "Madrid", "parent": "router"}
    assert site.call("PUT", "/api/v1/devices/till-bakery/place", token, json=put).json() == put
    circle = site.call("PUT", "/api/v1/devices/router/place", token, json={"parent": "till-bakery"})
    assert circle.json()["code"] == "E_BAD_REQUEST"
    assert "device.place" in verbs(site)


def test_lengths_of_time_are_read_as_people_write_them():
    assert [span(text) for text in ("30m", "2h", "1d")] == [
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(days=1),
    ]
