import asyncio
import os
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from sereno_proto.errors import SerenoError
from sereno_server.app import App, Part, run_parts, serve, started
from sereno_server.config import Settings

pytestmark = pytest.mark.slow


def _settings(url: str, folder: Path, **other: int) -> Settings:
    return Settings(data_dir=folder, database_url=url, link_host="127.0.0.1", enroll_host="127.0.0.1", **_ports(other))


def _ports(other: dict[str, int]) -> dict[str, int]:
    return {"http_port": _free(), "link_port": 0, "enroll_port": 0} | other


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_serves_until_a_signal_and_ends_in_order(database_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        seen: list[App] = []

        def ready(app: App) -> None:
            seen.append(app)
            asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGTERM)

        await serve(_settings(database_url, tmp_path), ready)
        assert seen[0].settings.link_port > 0
        assert seen[0].stopping.is_set()

    asyncio.run(story())


@pytest.mark.parametrize("name", ["link_port", "enroll_port", "http_port"])
def test_a_taken_port_is_named(database_url: str, tmp_path: Path, name: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SerenoError) as caught:
            asyncio.run(serve(_settings(database_url, tmp_path, **{name: port})))
    assert caught.value.code == "E_PORT_TAKEN"
    assert str(port) in caught.value.what


def test_a_newer_schema_is_refused_at_the_start(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SerenoError) as caught:
        asyncio.run(serve(_settings(database_url, tmp_path)))
    assert caught.value.code == "E_SCHEMA_NEWER"


def test_a_part_that_fails_ends_the_others_and_its_own_error_is_raised(database_url: str, tmp_path: Path) -> None:
    ended: list[str] = []

    async def waits(app: App) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails(app: App) -> None:
        raise SerenoError("E_PORT_TAKEN", "port 1")

    async def story() -> None:
        async with started(_settings(database_url, tmp_path)) as app:
            parts: tuple[tuple[str, Part], ...] = (("waits", waits), ("fails", fails))
            with pytest.raises(SerenoError, match="port 1"):
                await run_parts(app, parts)

    asyncio.run(story())
    assert ended == ["waits"]


def test_all_nodes_have_the_same_authority(database_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with started(_settings(database_url, tmp_path)) as one, started(_settings(database_url, tmp_path)) as two:
            assert one.authority.fingerprint == two.authority.fingerprint

    asyncio.run(story())
