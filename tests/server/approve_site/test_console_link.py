"""The console leads to the approval page, with the very text of the plan in the link; without one it does not."""

import asyncio
import html
import re
import zlib
from base64 import urlsafe_b64decode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from tests.server.web.conftest import Visitor, fill, sign_in

from sereno_server.http import create_http
from sereno_server.store.engine import Scope
from sereno_server.store.tables import runs

pytestmark = pytest.mark.slow


@pytest.fixture
def story(app):
    return asyncio.run(fill(app))


def test_the_links_carry_the_very_text(app, story):
    async def waiting():
        async with app.store.transaction(Scope.system()) as tx:
            query = select(runs.c.id, runs.c.plan_text).where(runs.c.state == "planned", runs.c.plan_text.is_not(None))
            return (await tx.execute(query)).all()

    settings = replace(app.settings, approve_url="https://approve.example.org")
    with_page = replace(app, settings=settings)
    session = asyncio.run(sign_in(app, "marta", "approver"))
    visitor = Visitor(with_page, create_http(with_page), story, session)
    found = asyncio.run(waiting())
    assert found
    for run_id, plan_text in found:
        shown = visitor.get(f"/approve/{run_id}").text
        match = re.search(r'href="(https://approve\.example\.org/#[^"]+)"', shown)
        assert match, run_id
        brought = parse_qs(urlsplit(html.unescape(match[1])).fragment)
        packed = brought["doc"][0]
        assert zlib.decompress(urlsafe_b64decode(packed + "=" * (-len(packed) % 4))) == plan_text
        assert brought["return"] == [settings.public_url]
    assert "#enrol=1" in visitor.get("/approvals").text
    plain = Visitor(app, create_http(app), story, session)
    assert "approve.example.org" not in plain.get(f"/approve/{found[0][0]}").text
