"""What `sereno scoreboard` and `sereno degradation` print of the API's answers over the seeded story."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION

from sereno_server.access.accounts import create_account
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.cli.scoreboard import tell_board, tell_degradation
from sereno_server.store.engine import Scope

pytestmark = pytest.mark.slow


def test_the_boards_are_printed_whole(site, capsys):
    async def fill():
        async with site.app.store.transaction(Scope(ORGANISATION)) as tx:
            await seed.fill(tx, datetime.now(UTC))
        async with site.app.store.transaction(Scope.system()) as tx:
            account = await create_account(tx, "noa", "Noa", "technician", organisation_id=ORGANISATION)
            return await issue(tx, "token", account, utc_now())

    token = asyncio.run(fill())
    tell_board(site.call("GET", "/api/v1/scoreboard", token).json())
    said = capsys.readouterr().out
    assert "86 %" in said
    assert "anomaly" in said
    assert "how early the hits came" in said
    assert "4 h to 12 h" in said
    assert "said so sure, came true so often" in said
    tell_degradation(site.call("GET", "/api/v1/devices/srv-files-02/degradation", token).json())
    tell_degradation(site.call("GET", "/api/v1/degradation", token).json())
    said = capsys.readouterr().out
    assert "76 of 100" in said
    assert "filesystem /var" in said
    assert "srv-files-02" in said
