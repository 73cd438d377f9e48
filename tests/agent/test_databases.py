"""Databases: what may be sent, what is asked for real (SQLite), and what a driver is told (MySQL, by the seam)."""

import json
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_agent import cli, config, database_drivers, probe_databases
from sereno_agent.database_settings import Database
from sereno_agent.database_statements import require_reading
from sereno_proto.errors import BadInput

READS = [
    ("SELECT count(*) FROM orders WHERE state = 'open'", "postgresql"),
    ("select 1;", "mysql"),
    ("WITH late AS (SELECT 1) SELECT * FROM late", "sqlite"),
    ("SELECT 'it''s; -- DELETE /* no */ $1', \"update\" FROM t", "postgresql"),
    ("SELECT `set`, replace(name, 'a', 'b') FROM t WHERE x LIKE 'a%'", "mysql"),
    ("SHOW SLAVE STATUS", "mysql"),
    ("SELECT max(age(datfrozenxid)), 1 - 2, -3, 4 / 2 FROM pg_database", "postgresql"),
    ("SELECT data->>'a' FROM t WHERE name = 'ñandú'", "postgresql"),
    *((statement, kind) for kind, queries in probe_databases.STANDARD.items() for statement in queries.values()),
]
WRITES = [
    ("DELETE FROM orders", "postgresql"),
    ("SELECT 1; DELETE FROM orders", "postgresql"),
    ("SELECT 1 -- ;\n; DROP TABLE orders", "sqlite"),
    ("WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone", "postgresql"),
    ("SELECT * INTO copy_of FROM orders", "postgresql"),
    ("SELECT 'x' INTO OUTFILE '/tmp/x'", "mysql"),
    ("SELECT * FROM orders FOR UPDATE", "mysql"),
    ("SELECT * FROM orders FOR SHARE", "postgresql"),
    ("SELECT * FROM orders LOCK IN SHARE MODE", "mysql"),
    ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "postgresql"),
    ('SELECT "pg_terminate_backend"(1)', "postgresql"),
    ('SELECT U&"pg\\005fterminate_backend"(1)', "postgresql"),
    ("SELECT nextval('s')", "postgresql"),
    ("SELECT pg_sleep(1000)", "postgresql"),
    ("SELECT set_config('transaction_read_only', 'off', false)", "postgresql"),
    ("SELECT lo_export(1, '/tmp/x')", "postgresql"),
    ("SELECT $$ $$", "postgresql"),
    ("SELECT 1 /*! ; DELETE FROM orders */", "mysql"),
    ("SELECT 1 # hidden", "mysql"),
    ("SELECT 'a\\' ; DELETE FROM orders; -- '", "mysql"),
    ("SELECT load_file('/etc/passwd')", "mysql"),
    ("SELECT benchmark(1000000000, md5('x'))", "mysql"),
    ("SELECT load_extension('x.so')", "sqlite"),
    ("PRAGMA journal_mode = DELETE", "sqlite"),
    ("ATTACH 'other.db' AS other", "sqlite"),
    ("EXPLAIN ANALYZE DELETE FROM orders", "postgresql"),
    ("SELECT 'never closed", "sqlite"),
    ("SELECT 1\u2028; DROP TABLE x", "postgresql"),
    ("SELECT 1\x00", "postgresql"),
    ("", "sqlite"),
    ("CALL everything()", "mysql"),
    ("SET GLOBAL read_only = 0", "mysql"),
    ("COPY orders TO PROGRAM 'sh'", "postgresql"),
]


@pytest.mark.parametrize(("statement", "kind"), READS)
def test_a_statement_that_plainly_reads_may_be_sent(statement: str, kind: str) -> None:
    assert require_reading(statement, kind) == statement.removesuffix(";")


@pytest.mark.parametrize(("statement", "kind"), WRITES)
def test_a_statement_that_writes_or_may_is_refused_before_it_is_sent(statement: str, kind: str) -> None:
    with pytest.raises(BadInput) as caught:
        require_reading(statement, kind)
    assert caught.value.code == "E_DATABASE_WRITES"


@given(st.text(max_size=60), st.sampled_from(["delete from t", "drop table t", "insert into t values (1)"]))
def test_nothing_put_around_a_write_lets_it_through(noise: str, write: str) -> None:
    for statement in (f"{noise}; {write}", f"SELECT 1 {noise} ; {write}", f"SELECT 1 /*{noise}*/; {write}"):
        try:
            sent = require_reading(statement, "sqlite")
        except BadInput:
            continue
        with sqlite3.connect(":memory:") as connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("INSERT INTO t VALUES (7)")
            try:
                connection.execute(sent)
            except sqlite3.Error:
                continue
            assert connection.execute("SELECT count(*), sum(a) FROM t").fetchone() == (1, 7)
        connection.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "a shop?.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE orders (state TEXT, total REAL);"
        "INSERT INTO orders VALUES ('open', 10.5), ('open', 2), ('sent', 7), (NULL, 1);"
    )
    connection.close()
    return path


def asked(path: Path, *, timeout_s: float = 5.0, **queries: str) -> dict:
    database = Database("sqlite", path=str(path), timeout_s=timeout_s, queries=queries)
    return probe_databases.ask_all({"shop": database})["shop"]


def test_a_file_is_asked_and_its_numbers_are_named(shop: Path) -> None:
    answer = asked(
        shop,
        open_orders="SELECT count(*) FROM orders WHERE state = 'open'",
        by_state="SELECT state, count(*) AS n, sum(total) AS total FROM orders GROUP BY state ORDER BY state",
    )
    assert answer["error"] == ""
    assert answer["queries"]["open_orders"]["values"] == [("", "count(*)", 2.0)]
    assert answer["queries"]["by_state"]["values"] == [
        ("1", "n", 1.0),
        ("1", "total", 1.0),
        ("open", "n", 2.0),
        ("open", "total", 12.5),
        ("sent", "n", 1.0),
        ("sent", "total", 7.0),
    ]
    assert answer["queries"]["size"]["values"][0][2] == shop.stat().st_size
    assert answer["queries"]["open_orders"]["seconds"] >= 0


def test_what_is_refused_or_slow_concerns_itself_alone(shop: Path) -> None:
    before = shop.read_bytes()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = time.monotonic()
    answer = asked(shop, timeout_s=0.2, gone="DELETE FROM orders", endless=endless, fine="SELECT 1 AS one")
    assert time.monotonic() - started < 5
    assert answer["queries"]["gone"]["error"].startswith("E_DATABASE_WRITES")
    assert "interrupted" in answer["queries"]["endless"]["error"]
    assert answer["queries"]["fine"]["values"] == [("", "one", 1.0)]
    assert shop.read_bytes() == before


def test_the_connection_itself_cannot_write_even_where_a_statement_came_through(shop: Path, tmp_path: Path) -> None:
    connection = database_drivers.connect(Database("sqlite", path=str(shop)))
    for statement in (
        "DELETE FROM orders",
        "UPDATE sqlite_master SET sql = ''",
        "CREATE TABLE x (a)",
        f"ATTACH '{tmp_path}/other.db' AS other",
        "PRAGMA query_only = 0",
        "SELECT load_extension('x')",
    ):
        with pytest.raises(sqlite3.Error):
            connection.run(statement)
    connection.close()
    assert "unable to open" in asked(tmp_path / "none.db")["error"]
    assert not (tmp_path / "none.db").exists()


class Driver:
    """PyMySQL's place: remembers what it is told."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.sent: list[str] = []
        self.options: dict = {}
        self.closed = 0
        self.description = [("used",), ("name",)]

    def connect(self, **options: object) -> "Driver":
        self.options = options
        return self

    def get_server_info(self) -> str:
        return self.server

    def cursor(self) -> "Driver":
        return self

    def execute(self, statement: str) -> None:
        self.sent.append(statement)
        if "broken" in statement:
            raise RuntimeError((1064, "You have an error"))

    def fetchmany(self, count: int) -> list:
        assert count <= 64
        return [(3, "a"), (4, "b")]

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("server", "limit"),
    [
        ("8.4.2", "SET SESSION max_execution_time = 2500"),
        ("5.5.5-10.11.6-MariaDB", "SET SESSION max_statement_time = 2.5"),
    ],
)
def test_mysql_is_told_to_read_only_within_its_time_and_closed(server: str, limit: str, tmp_path: Path) -> None:
    driver = Driver(server)
    password = tmp_path / "password"
    password.write_text("secret\n")
    database = Database(
        "mysql",
        host="db.example",
        port=3306,
        user="monitor",
        password_file=str(password),
        timeout_s=2.5,
        standard=False,
        queries={"a": "SELECT used, name FROM t", "b": "SELECT broken FROM t", "c": "UPDATE t SET used = 1"},
    )
    answer = probe_databases.ask(
        database, time.monotonic() + 60, lambda given: database_drivers.mysql(given, driver.connect)
    )
    begin, end = "START TRANSACTION READ ONLY", "ROLLBACK"
    assert driver.sent == [
        "SET SESSION TRANSACTION READ ONLY",
        limit,
        *(begin, "SELECT used, name FROM t", end),
        *(begin, "SELECT broken FROM t", end),
    ]
    assert (driver.options["password"], driver.options["local_infile"], driver.closed) == ("secret", False, 1)
    assert answer["queries"]["a"]["values"] == [("a", "used", 3.0), ("b", "used", 4.0)]
    assert "You have an error" in answer["queries"]["b"]["error"]
    assert answer["queries"]["c"]["error"].startswith("E_DATABASE_WRITES")
    assert "secret" not in json.dumps(answer)


def test_one_that_hangs_keeps_none_of_the_others(shop: Path) -> None:
    def connect(database: Database) -> database_drivers.Connection:
        if database.kind == "mysql":
            raise OSError("connection refused")
        return database_drivers.connect(database)

    answers = probe_databases.ask_all({"a": Database("mysql"), "b": Database("sqlite", path=str(shop))}, connect)
    assert answers["a"]["error"] == "OSError: connection refused"
    assert answers["b"]["error"] == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[databases.x]\n", "databases.x.kind"),
        ('[databases.x]\nkind = "oracle"\n', "databases.x.kind"),
        ('[databases.x]\nkind = "sqlite"\n', "databases.x.path"),
        ('[databases.x]\nkind = "sqlite"\npath = "relative.db"\n', "databases.x.path"),
        ('[databases.x]\nkind = "mysql"\npath = "/x"\n', "databases.x.path"),
        ('[databases.x]\nkind = "mysql"\npassword = "p"\n', "databases.x.password: no such setting"),
        ('[databases.x]\nkind = "mysql"\ntimeout_s = 3600\n', "databases.x.timeout_s"),
        ('[databases.x]\nkind = "mysql"\nport = 70000\n', "databases.x.port"),
        ('[databases.x]\nkind = "mysql"\ntls = "yes"\n', "databases.x.tls"),
        ('[databases.x]\nkind = "mysql"\n[databases.x.queries]\n"a b" = "SELECT 1"\n', "databases.x.queries.a b"),
        ('[databases.X]\nkind = "mysql"\n', "databases.X"),
        ("databases = 3\n", "databases"),
    ],
)
def test_a_setting_that_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match="E_CONFIG") as caught:
        config.load(path)
    assert says in caught.value.what


@pytest.mark.slow
def test_the_collector_asks_in_a_worker_and_collect_shows_it(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent.toml").write_text(
        f'[databases.shop]\nkind = "sqlite"\npath = "{shop}"\n'
        "[databases.shop.queries]\nopen_orders = \"SELECT count(*) AS n FROM orders WHERE state = 'open'\"\n"
        'bad = "DELETE FROM orders"\nseats = "SELECT 3 AS used, 5 AS maximum"\n'
    )
    assert cli.main(["collect", "databases", "--state", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert 'database_value{column="n",database="shop",query="open_orders"} 2' in shown
    assert 'database_used{bound="shop seats"} 3' in shown
    assert 'database_maximum{bound="shop seats"} 5' in shown
    assert 'database_up{database="shop"} 1' in shown
    assert 'database_query_seconds{database="shop",query="open_orders"}' in shown
    assert "E_DATABASE_WRITES: database shop, query bad:" in shown
