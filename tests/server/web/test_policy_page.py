"""What a machine allows beside what is wished of it: read, wished, kept, told to the device; nobody else may."""

import asyncio
from html import unescape

import pytest
from sqlalchemy import select, update
from tests.server.web.conftest import sign_in
from tests.server.web.seed_rows import ORGANISATION, device_id

from sereno_proto.v1.link_pb2 import Settings
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, ledger
from sereno_server.wishes import wishes
from sereno_server.wishes.wishes import Wishes

pytestmark = pytest.mark.slow

STATUS = {
    "lockdown": False,
    "policy_digest": "sha256:" + "a" * 64,
    "policy_error": "",
    "allowed_actions": ["rotate_logs"],
    "collectors": [
        {"name": "cpu", "mean_ms": 0.1, "failures": 0, "error": ""},
        {"name": "network", "mean_ms": 0.1, "failures": 0, "error": ""},
    ],
    "collectors_denied": [],
    "spool_bytes": 0,
    "spool_dropped": 0,
    "ledger_length": 0,
    "ledger_head": "",
}


def in_store(visitor, work):
    async def play():
        async with visitor.app.store.transaction(Scope(ORGANISATION)) as tx:
            return await work(tx)

    return asyncio.run(play())


def test_what_is_wished_is_shown_beside_what_is_in_force(visitor):
    where = devices.c.id == device_id("db-1")
    in_store(visitor, lambda tx: tx.execute(update(devices).where(where).values(status=STATUS)))
    path = "/devices/db-1/policy"
    page = visitor.get(path).text
    assert "db-1 allows one action." in page
    assert "Wished and not in force" not in page
    form = {"collectors": ["network"], "actions": ["rotate_logs", "restore_file"], "words": "Acme S.L.\n\n Juan \n"}
    headers = {"origin": visitor.app.settings.public_url}
    answer = visitor.ask("POST", path, headers=headers, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = unescape(visitor.get(path).text)
    assert "Wished and not in force: restore_file." in page
    assert "sereno-agent policy set actions.allow restore_file rotate_logs" in page
    assert 'value="network" checked' in page
    assert "Acme S.L.\nJuan</textarea>" in page
    wanted = in_store(visitor, lambda tx: wishes.read(tx, ORGANISATION, device_id("db-1")))
    assert wanted == Wishes(["network"], ["Acme S.L.", "Juan"], ["rotate_logs", "restore_file"])
    sent = wishes.settings(Settings(collect_interval_ms=5000), wanted)
    assert (sent.collect_interval_ms, list(sent.collectors_denied)) == (5000, ["network"])
    assert list(sent.redact_words) == ["Acme S.L.", "Juan"]
    assert list(sent.actions_wanted) == ["rotate_logs", "restore_file"]
    rows = in_store(visitor, lambda tx: tx.execute(select(ledger.c.actor).where(ledger.c.verb == "wishes.change")))
    assert [row.actor for row in rows] == ["noa"]


def test_who_may_not_wish_sees_and_cannot_send(visitor):
    session = asyncio.run(sign_in(visitor.app, "ana", "approver"))
    page = visitor.get("/devices/db-1/policy", session=session).text
    assert "fieldset" in page
    assert "Wish this" not in page
    headers = {"origin": visitor.app.settings.public_url}
    refused = visitor.ask("POST", "/devices/db-1/policy", session=session, headers=headers, data={"words": "x"})
    assert refused.status_code == 403
    assert visitor.ask("POST", "/devices/none/policy", headers=headers, data={"words": "x"}).status_code == 404
    too_long = visitor.ask("POST", "/devices/db-1/policy", headers=headers, data={"words": "x" * 200})
    assert "E_LIMIT" in too_long.text
