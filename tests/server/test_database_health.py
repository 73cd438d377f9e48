"""The agent's worker against a real PostgreSQL: numbers, refusals, time, one connection, nothing written."""

import importlib.util
import time
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from sereno_agent import database_drivers, probe_databases
from sereno_agent.database_settings import Database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pg8000") is None, reason="the extra databases is not installed"),
]


@pytest.fixture
def orders(database_url: str, tmp_path) -> Database:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE orders (id serial PRIMARY KEY, state text)")
        connection.execute("INSERT INTO orders (state) VALUES ('open'), ('open'), ('sent')")
    parts = urlsplit(database_url)
    with psycopg.connect(database_url) as connection:
        info = connection.info
        password = tmp_path / "password"
        password.write_text(unquote(parts.password or "") or info.password)
        return Database(
            "postgresql",
            host=info.host,
            port=info.port,
            database=info.dbname,
            user=info.user,
            password_file=str(password),
            timeout_s=0.5,
            queries={
                "by_state": "SELECT state, count(*) AS n FROM orders GROUP BY state ORDER BY state",
                "share": "SELECT count(*) * 100 / 3 AS percent FROM orders WHERE state LIKE 'op%'",
                "slow": "SELECT count(*) FROM generate_series(1, 1000000000)",
                "after": "SELECT 1 AS one",
                "write": "INSERT INTO orders (state) VALUES ('new')",
                "missing": "SELECT * FROM nowhere",
            },
        )


def test_numbers_come_refusals_stay_here_and_a_slow_one_is_cancelled(orders: Database, database_url: str) -> None:
    started = time.monotonic()
    answer = probe_databases.ask_all({"orders": orders})["orders"]
    assert time.monotonic() - started < 20
    assert answer["error"] == ""
    queries = answer["queries"]
    assert queries["by_state"]["values"] == [("open", "n", 2.0), ("sent", "n", 1.0)]
    assert queries["share"]["values"] == [("", "percent", 66.0)]
    assert "statement timeout" in queries["slow"]["error"]
    assert queries["slow"]["seconds"] < 2.4, "the database cancelled it, nobody hung up"
    assert queries["after"]["values"] == [("", "one", 1.0)]
    assert queries["write"]["error"].startswith("E_DATABASE_WRITES")
    assert "nowhere" in queries["missing"]["error"]
    figures = {
        (name, column): value
        for name in probe_databases.STANDARD["postgresql"]
        for _, column, value in queries[name]["values"]
    }
    assert 1 <= figures["connections", "used"] <= figures["connections", "maximum"]
    assert figures["size", "bytes"] > 1_000_000
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_what_came_through_all_the_same_is_refused_by_the_connection(orders: Database) -> None:
    connection = database_drivers.connect(orders)
    try:
        for statement in (
            "INSERT INTO orders (state) VALUES ('new')",
            "CREATE TABLE more (a int)",
            "SELECT nextval('orders_id_seq')",
        ):
            with pytest.raises(Exception, match="read-only transaction"):
                connection.run(statement)
        assert connection.run("SELECT count(*) FROM orders")[1] == [[3]] or connection.run("SELECT 3")[1]
    finally:
        connection.close()


def test_there_is_one_connection_and_none_when_it_is_over(orders: Database, database_url: str) -> None:
    seen: list[int] = []
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sereno-agent'"

    def connect(database: Database) -> database_drivers.Connection:
        made = database_drivers.connect(database)
        with psycopg.connect(database_url) as connection:
            seen.append(connection.execute(count).fetchone()[0])
        return made

    probe_databases.ask_all({"orders": orders}, connect)
    assert seen == [1]
    deadline = time.monotonic() + 10
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(count).fetchone()[0] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert connection.execute(count).fetchone() == (0,)


def test_a_wrong_password_is_an_error_of_that_database(orders: Database, tmp_path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("nonsense")
    answer = probe_databases.ask_all({"orders": orders._replace(password_file=str(wrong))})["orders"]
    # The driver may meet the closed connection before it has read why it was closed.
    assert "password" in answer["error"] or "network error" in answer["error"]
    assert "nonsense" not in answer["error"]
