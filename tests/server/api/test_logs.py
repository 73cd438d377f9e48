"""The API gives a device's lines page by page, to its own organisation only."""

import asyncio
from datetime import UTC, datetime

import pytest

from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server.store.engine import Scope
from sereno_server.store.logs import Said, append

pytestmark = pytest.mark.slow


def test_lines_are_found_and_paged(site):
    now = datetime.now(UTC)
    now_ms = int(now.timestamp() * 1000)
    organisation = site.organisations["bakery"]
    block = LogBlock(
        source="app",
        lines=[LogLine(time_ms=now_ms - n, severity=3 if n % 2 else 6, text=f"line {n}") for n in range(10)],
    )

    async def fill():
        async with site.app.store.transaction(Scope(organisation)) as tx:
            await append(tx, Said(organisation, "dev_bakery", b"e", 1, now_ms, block), now.date())

    asyncio.run(fill())
    token = site.secret("bakery", "technician", "token")
    address = "/api/v1/devices/till-bakery/logs"
    first = site.call("GET", f"{address}?limit=6", token).json()
    assert [line["text"] for line in first["items"]] == [f"line {n}" for n in range(6)]
    rest = site.call("GET", f"{address}?limit=6&cursor={first['next']}", token).json()
    assert [line["text"] for line in rest["items"]] == [f"line {n}" for n in range(6, 10)]
    assert rest["next"] == ""
    bad = site.call("GET", f"{address}?severity=3&q=LINE%209", token).json()
    assert [(line["text"], line["severity"], line["source"]) for line in bad["items"]] == [("line 9", 3, "app")]
    assert site.call("GET", f"{address}?from=9&to=3", token).status_code == 400
    assert site.call("GET", address, site.secret("other", "technician", "token")).status_code == 404
    assert site.call("GET", address).status_code == 401
