"""`sereno backtest device` on the server's machine: over its database, with a report; one clear error otherwise."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION
from typer.testing import CliRunner

from sereno_proto.errors import SerenoError
from sereno_server.cli.main import app
from sereno_server.store.engine import Scope

pytestmark = pytest.mark.slow
NOW = datetime.fromisoformat("2026-11-19T03:12:41+00:00")


@pytest.fixture
def sereno(store, database_url, tmp_path, monkeypatch):
    """The command, with the settings of a server whose database holds the seeded story."""

    async def fill():
        async with store.transaction(Scope(ORGANISATION)) as tx:
            await seed.fill(tx, NOW)

    asyncio.run(fill())
    environment = {"SERENO_DATABASE_URL": database_url, "SERENO_DATA_DIR": str(tmp_path)}
    return lambda *words: CliRunner().invoke(app, ["backtest", "device", *words], env=environment)


def test_it_tells_what_it_would_have_said_and_writes_one_file(sereno, tmp_path):
    page = tmp_path / "report.html"
    days = ("--from", f"{NOW - timedelta(days=2):%Y-%m-%d}", "--to", f"{NOW:%Y-%m-%dT%H:%M}")
    told = sereno("srv-files-02", *days, "--report", str(page))
    assert told.exit_code == 0, told.output
    assert "/var full in" in told.output
    assert "0 false days" in told.output.replace("0.0", "0")
    assert "<script" not in page.read_text()
    (report,) = json.loads(sereno("srv-files-02", *days, "--json").stdout)
    assert [one["object"] for one in report["said"] if one["kind"] == "forecast"] == ["/var"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody", "--from", "2026-11-17"), "E_NOT_FOUND"),
        (("srv-files-02", "--from", "2026-11-17", "--to", "2026-11-16"), "E_BACKTEST_RANGE"),
        (("srv-files-02", "--from", "2020-11-17", "--to", "2020-11-18"), "E_BACKTEST_RANGE"),
        (
            ("srv-files-02", "--from", "2026-11-18", "--to", "2026-11-19", "--report", "/nowhere/r.html"),
            "E_BACKTEST_INPUT",
        ),
    ],
)
def test_what_cannot_be_done_is_one_error(sereno, words, code):
    answer = sereno(*words)
    assert isinstance(answer.exception, SerenoError)
    assert answer.exception.code == code
