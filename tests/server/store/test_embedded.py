import asyncio
import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from sereno_proto.errors import SerenoError
from sereno_server.store import binaries
from sereno_server.store.embedded import ROLE, SUPERUSER, EmbeddedPostgreSQL

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sereno-test-"))
    made.chmod(0o711)
    yield made
    EmbeddedPostgreSQL(made).destroy()
    shutil.rmtree(made, ignore_errors=True)


def _answer(url: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    return row and row[0]


def test_it_starts_attaches_and_stops(folder: Path) -> None:
    first = EmbeddedPostgreSQL(folder)
    url = first.start()
    assert _answer(url) == ROLE
    second = EmbeddedPostgreSQL(folder)
    assert second.start() == url
    assert second.pid == first.pid
    second.stop()
    assert first.pid is None
    first.stop()
    with pytest.raises(SerenoError, match="does not run"):
        first.url()


def test_nobody_enters_without_the_password_or_over_the_network(folder: Path) -> None:
    server = EmbeddedPostgreSQL(folder)
    url = server.start()
    password = server._passwords()[ROLE]
    with pytest.raises(psycopg.OperationalError, match="password"):
        _answer(url.replace(password, "wrong"))
    with psycopg.connect(server.url(SUPERUSER, "postgres")) as connection:
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert server.pid
    assert not [one for one in psutil.Process(server.pid).net_connections("inet") if one.status == "LISTEN"]
    sockets = Path(server._postmaster()[1])  # type: ignore[index]
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    for name in ("postgresql.passwords.json",):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_it_never_runs_as_root(folder: Path) -> None:
    server = EmbeddedPostgreSQL(folder)
    server.start()
    assert server.pid
    expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert psutil.Process(server.pid).uids().effective == expected


def test_a_folder_that_the_unprivileged_user_cannot_reach_is_no_hindrance(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgreSQL(private / "data")
    try:
        assert _answer(server.start()) == ROLE
        assert _answer(EmbeddedPostgreSQL(private / "data").start()) == ROLE
    finally:
        server.destroy()


def test_a_path_too_long_for_a_socket_is_no_hindrance(folder: Path) -> None:
    long = folder / ("long" * 20) / ("name" * 20)
    long.parent.mkdir()
    server = EmbeddedPostgreSQL(long)
    try:
        assert _answer(server.start()) == ROLE
    finally:
        server.destroy()


def test_the_data_outlive_a_kill_and_it_comes_back_under_supervision(folder: Path) -> None:
    async def story() -> None:
        server = EmbeddedPostgreSQL(folder)
        url = await asyncio.to_thread(server.start)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        watch = asyncio.create_task(server.supervise())
        for _ in range(2):
            before = server.pid
            assert before
            os.kill(before, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while not _number(url):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert server.pid != before
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await asyncio.to_thread(server.stop)

    asyncio.run(story())


def _number(url: str) -> object:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT number FROM kept").fetchone() == (7,)
    except psycopg.OperationalError:
        return False


def test_an_attached_server_is_supervised_too(folder: Path) -> None:
    async def story() -> None:
        first = EmbeddedPostgreSQL(folder)
        first.start()
        attached = EmbeddedPostgreSQL(folder)
        url = attached.start()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        watch = asyncio.create_task(attached.supervise())
        await asyncio.sleep(0)
        assert attached.pid
        os.kill(attached.pid, signal.SIGKILL)
        assert first._process
        first._process.wait()  # the first server would be dead, and init its parent
        deadline = time.monotonic() + 30
        while not _number(url):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

    asyncio.run(story())


def test_an_initdb_cut_short_is_begun_anew(folder: Path) -> None:
    server = EmbeddedPostgreSQL(folder)
    place = server._place()
    part = place / "data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18")
    assert _answer(server.start()) == ROLE


def test_a_given_folder_without_programs_is_refused(folder: Path) -> None:
    with pytest.raises(SerenoError) as caught:
        EmbeddedPostgreSQL(folder, pg_bin=folder).start()
    assert caught.value.code == "E_NO_POSTGRESQL"


def test_a_given_folder_comes_before_the_wheel(folder: Path) -> None:
    system = binaries._system()
    if not system:
        pytest.skip("no PostgreSQL of the system's own is installed")
    server = EmbeddedPostgreSQL(folder, pg_bin=system[0])
    with psycopg.connect(server.start()) as connection:
        assert connection.info.server_version // 10_000 == int(system[0].parent.name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_reachable_looks_at_every_folder_on_the_way(folder: Path) -> None:
    nobody = binaries.account()
    inner = folder / "outer" / "inner"
    inner.mkdir(parents=True)
    assert binaries.reachable(inner, nobody)
    inner.parent.chmod(0o700)
    assert not binaries.reachable(inner, nobody)
    os.chown(inner.parent, nobody.uid, nobody.gid)
    assert binaries.reachable(inner, nobody)
