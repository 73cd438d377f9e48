"""The checks of databases against a real PostgreSQL and a real SQLite file: locks, slow statements, bloat."""

import importlib.util
import sqlite3
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from sereno_agent.database_settings import Database
from sereno_agent.worker_host import WorkerHost
from sereno_diagnostics import registry
from sereno_diagnostics.allowed import Allowed, NamedDatabase
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Severity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pg8000") is None, reason="the extra databases is not installed"),
]


def reader_of(database: Database, tmp_path: Path) -> Reader:
    allowed = Allowed(tmp_path, databases={"orders": NamedDatabase("orders", database.kind)})
    return Reader(allowed, machine=WorkerHost(databases={"orders": database}))


@pytest.fixture
def ask(database_url: str, tmp_path: Path):
    parts = urlsplit(database_url)
    with psycopg.connect(database_url) as connection:
        info = connection.info
        password = tmp_path / "password"
        password.write_text(unquote(parts.password or "") or info.password)
        database = Database(
            "postgresql", host=info.host, port=info.port, database=info.dbname, user=info.user,
            password_file=str(password),
        )  # fmt: skip

    def run(check: str, **given: str):
        (found,) = registry.run(check, {"database": "orders", **given}, reader_of(database, tmp_path)).findings
        return found

    return run


def test_connections_replication_and_bloat_of_a_healthy_database(ask, database_url: str) -> None:
    found = ask("database_connections")
    assert 1 <= found.figures["used"] < found.figures["maximum"]
    assert not ask("database_replication").figures["replicas"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE events (n int)")
        connection.execute("ALTER TABLE events SET (autovacuum_enabled = off)")
        connection.execute("INSERT INTO events SELECT generate_series(1, 4000)")
        connection.execute("DELETE FROM events WHERE n <= 3000")
        connection.execute("SELECT pg_stat_force_next_flush()")
    found = ask("database_bloat")
    assert found.figures["worst_dead_percent"] == pytest.approx(75, abs=1)
    assert found.severity == Severity.SEVERITY_NOTE


def test_who_waits_for_whom_and_what_runs_long_without_its_values(ask, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE purses (id int PRIMARY KEY, owner text)")
        connection.execute("INSERT INTO purses VALUES (1, 'x')")
    holder, waiter = psycopg.connect(database_url), psycopg.connect(database_url)
    update = "UPDATE purses SET owner = 'Zoe Secreta' WHERE id = 1"
    thread = threading.Thread(target=waiter.execute, args=(update,))
    try:
        holder.execute("UPDATE purses SET owner = 'Ana Secreta' WHERE id = 1")
        thread.start()
        deadline = time.monotonic() + 60
        while not (found := ask("database_locks")).figures["waiting"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert found.figures["waiting"] == 1
        text = str(found)
        assert "UPDATE purses SET owner = ? WHERE id = ?" in text
        assert str(holder.info.backend_pid) in text
        assert "Secreta" not in text
        long = ask("database_slow_queries", seconds="1")
        assert "Secreta" not in str(long)
    finally:
        holder.close()
        thread.join()
        waiter.close()


def test_a_sqlite_file_with_room_in_it(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 1000,)] * 500)
        connection.execute("DELETE FROM t")
    connection.close()
    (found,) = registry.run(
        "database_bloat", {"database": "orders"}, reader_of(Database("sqlite", path=str(path)), tmp_path)
    ).findings
    assert found.figures["free_percent"] > 80


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    away = Database("postgresql", host="127.0.0.1", port=1, user="x", timeout_s=1)
    (found,) = registry.run("database_locks", {"database": "orders"}, reader_of(away, tmp_path)).findings
    assert found.severity == Severity.SEVERITY_FAILING
