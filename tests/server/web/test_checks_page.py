"""Running a check by hand: offered names, the answer shown, a row in the ledger; the catalogue; nobody else may."""

import asyncio
from dataclasses import replace
from html import unescape

import pytest
from sqlalchemy import select, update
from tests.server.web.conftest import Visitor, fill, sign_in
from tests.server.web.seed_rows import ORGANISATION, device_id

from sereno_diagnostics import registry
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import CheckResult, Evidence, Finding, Reply, Severity
from sereno_server.http import create_http
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, findings, ledger, tickets

pytestmark = pytest.mark.slow

DB = device_id("db-1")
HOSTILE = "<script>alert(1)</script>"


class Device:
    """What stands for the connected device."""

    def __init__(self):
        self.asked = []
        self.refusal = None

    async def command(self, organisation_id, device, body, timeout_s=30.0):
        self.asked.append((device, body.check, dict(body.parameters)))
        if self.refusal:
            raise self.refusal
        found = Finding(
            check=body.check,
            severity=Severity.SEVERITY_SERIOUS,
            title="app-logs is 91 % full",
            evidence=[Evidence(key=HOSTILE, value="1 GB")],
            figures={"used_percent": 91.0},
        )
        return Reply(check_result=CheckResult(findings=[found], duration_ms=12.0))


@pytest.fixture
def visitor(app):
    device = Device()
    app = replace(app, gateway=device)
    story = asyncio.run(fill(app))
    made = Visitor(app, create_http(app), story, asyncio.run(sign_in(app, "noa", "technician")))
    status = {"names": ["folder app-logs", "folder <b>", "host database"], "allowed_actions": []}
    in_store(made, lambda tx: tx.execute(update(devices).where(devices.c.id == DB).values(status=status)))
    made.device = device
    return made


def in_store(visitor, work):
    async def play():
        async with visitor.app.store.transaction(Scope(ORGANISATION)) as tx:
            return await work(tx)

    return asyncio.run(play())


def post(visitor, path, **how):
    return visitor.ask("POST", path, headers={"origin": visitor.app.settings.public_url}, **how)


def rows_of(visitor, verb):
    query = select(ledger.c.actor, ledger.c.object).where(ledger.c.verb == verb, ledger.c.actor == "noa")
    return [tuple(row) for row in in_store(visitor, lambda tx: tx.execute(query))]


def test_a_check_is_run_with_a_name_that_the_device_offers(visitor):
    page = visitor.get("/devices/db-1/checks?check=disk_space").text
    assert "<option>app-logs</option>" in page
    assert "<option>&lt;b&gt;</option>" in page
    assert " checks can be run on db-1 now." in page
    assert f"{len(registry.names())} checks can be run" not in page
    assert "the policy names no plugin" in page
    answer = post(visitor, "/devices/db-1/checks?check=disk_space", data={"with-folder": "app-logs"})
    assert answer.status_code == 200
    assert "app-logs is 91 % full" in unescape(answer.text)
    assert HOSTILE not in answer.text
    assert visitor.device.asked == [(DB, "disk_space", {"folder": "app-logs"})]
    assert rows_of(visitor, "check.ask") == rows_of(visitor, "check.run") == [("noa", DB)]
    kept = in_store(visitor, lambda tx: tx.execute(select(findings.c.title).where(findings.c.check == "disk_space")))
    assert "app-logs is 91 % full" in [row.title for row in kept]


def test_what_is_found_for_a_ticket_is_on_it(visitor):
    owner = devices.c.id == tickets.c.device_id
    query = select(tickets.c.number, devices.c.name).join(devices, owner).where(tickets.c.state == "open")
    ticket = in_store(visitor, lambda tx: tx.execute(query)).first()
    label, where = f"T-{ticket.number}", f"/devices/{ticket.name}/checks"
    assert f'href="{where}?ticket={label}"' in visitor.get(f"/tickets/{label}").text
    path = f"{where}?check=disk_space&ticket={label}"
    assert f'href="/tickets/{label}"' in visitor.get(path).text
    assert "91 % full" in post(visitor, path, data={"with-folder": "app-logs"}).text
    assert "app-logs is 91 % full" in visitor.get(f"/tickets/{label}").text


def test_what_the_device_refuses_is_said_and_in_the_ledger(visitor):
    visitor.device.refusal = Refused("E_OUTSIDE_POLICY", "the policy names no folder 'other'")
    answer = post(visitor, "/devices/db-1/checks?check=disk_space", data={"with-folder": "other"})
    assert "E_OUTSIDE_POLICY" in answer.text
    assert rows_of(visitor, "check.refused") == [("noa", DB)]


@pytest.mark.parametrize(
    ("check", "given", "code"),
    [
        ("disk_space", {"with-folder": "/etc"}, "E_PARAMETER"),
        ("disk_space", {"with-path": "/etc", "with-folder": "app-logs"}, "E_PARAMETER"),
        ("disk_space", {}, "E_PARAMETER"),
        ("nothing", {}, "E_CHECK_UNKNOWN"),
    ],
)
def test_what_is_no_name_never_reaches_the_device(visitor, check, given, code):
    answer = post(visitor, f"/devices/db-1/checks?check={check}", data=given)
    assert code in answer.text
    assert visitor.device.asked == []
    assert rows_of(visitor, "check.ask") == []


def test_a_customer_looks_and_runs_nothing(visitor):
    session = asyncio.run(sign_in(visitor.app, "cus", "customer"))
    assert "Run it now" not in visitor.get("/devices/db-1/checks?check=zombies", session=session).text
    assert post(visitor, "/devices/db-1/checks?check=zombies", session=session).status_code == 403
    assert visitor.device.asked == []


def test_the_catalogue_answers_what_this_product_can_do(visitor):
    page = visitor.get("/catalogue").text
    assert f"Sereno can look at a machine in {len(registry.names())} ways" in page
    assert "rotate_logs" in page
    assert "/proc/mdstat" in page


def test_the_api_does_the_same_and_once_for_one_key(visitor):
    token = asyncio.run(sign_in(visitor.app, "tec", "technician", "token"))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "a1"}
    body = {"check": "disk_space", "parameters": {"folder": "app-logs"}}
    for _ in range(2):
        answer = visitor.ask("POST", f"/api/v1/devices/{DB}/checks", session="", headers=headers, json=body)
        assert answer.json()["findings"][0]["figures"] == {"used_percent": 91.0}
    assert len(visitor.device.asked) == 1
    offered = visitor.ask("GET", "/api/v1/devices/db-1/checks", session="", headers=headers).json()
    assert next(one["offered"] for one in offered if one["name"] == "disk_space") == {"folder": ["app-logs", "<b>"]}
    catalogue = visitor.ask("GET", "/api/v1/catalogue", session="", headers=headers).json()
    assert {one["name"] for one in catalogue["checks"]} == set(registry.names())
