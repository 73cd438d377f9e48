"""A read-only connection to each kind of database. Only the worker that asks databases imports this.

Each gives `run(statement) -> (columns, rows)`, within the time that the settings give, and `close()`. The drivers are
the extra `databases`; Python itself has SQLite's.
"""

import importlib
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from sereno_agent.database_settings import Database
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.limits import DATABASE_ROWS_MAX

Answer = tuple[list[str], list[Sequence[Any]]]
_PASSWORD_BYTES_MAX: Final = 4096
_GRACE_S: Final = 2.0  # after which a server that did not cancel by itself is hung up on
_SQLITE_STEPS: Final = 1000  # of its virtual machine, between two looks at the clock


class Connection(Protocol):
    """An open connection that can only read."""

    def run(self, statement: str) -> Answer:
        """The column names, and the first rows."""

    def close(self) -> None:
        """Ends it."""


class OnServer:
    """PostgreSQL or MySQL by a DB-API driver: every statement in a read-only transaction that is rolled back."""

    def __init__(self, connection: Any, begin: str, settings: Sequence[str]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._begin = begin
        for setting in settings:
            self._cursor.execute(setting)

    def run(self, statement: str) -> Answer:
        self._cursor.execute(self._begin)
        try:
            self._cursor.execute(statement)
            columns = [str(column[0]) for column in self._cursor.description or ()]
            rows: list[Sequence[Any]] = list(self._cursor.fetchmany(DATABASE_ROWS_MAX)) if columns else []
        finally:
            self._cursor.execute("ROLLBACK")
        return columns, rows

    def close(self) -> None:
        self._connection.close()


class SQLite:
    """A SQLite file, opened read-only; its authorizer lets nothing but reading be prepared."""

    def __init__(self, database: Database) -> None:
        self._sqlite = importlib.import_module("sqlite3")
        address = f"file:{quote(database.path)}?mode=ro"
        self._connection = self._sqlite.connect(address, uri=True, timeout=database.timeout_s, isolation_level=None)
        self._connection.execute("PRAGMA query_only = 1")
        self._allowed = {
            self._sqlite.SQLITE_SELECT,
            self._sqlite.SQLITE_READ,
            self._sqlite.SQLITE_FUNCTION,
            self._sqlite.SQLITE_RECURSIVE,
        }
        self._connection.set_authorizer(self._authorize)
        self._timeout_s = database.timeout_s
        self._deadline = 0.0
        self._connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _SQLITE_STEPS)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        sqlite = self._sqlite
        if action == sqlite.SQLITE_PRAGMA:  # as a table, pragma_page_count(): to read a value, never to set one
            return int(sqlite.SQLITE_DENY if second else sqlite.SQLITE_OK)
        if action == sqlite.SQLITE_UPDATE and first == "sqlite_master":
            return int(sqlite.SQLITE_OK)  # asked when such a table is made known to the parser; the file is read-only
        if action in self._allowed and "load_extension" not in {first, second}:
            return int(sqlite.SQLITE_OK)
        return int(sqlite.SQLITE_DENY)

    def run(self, statement: str) -> Answer:
        self._deadline = time.monotonic() + self._timeout_s
        cursor = self._connection.execute(statement)
        columns = [column[0] for column in cursor.description or ()]
        return columns, cursor.fetchmany(DATABASE_ROWS_MAX)

    def close(self) -> None:
        self._connection.close()


def connect(database: Database) -> Connection:
    """Opens a connection. Raises E_DATABASE_DRIVER when the driver is not installed, else what the driver raises."""
    return _KINDS[database.kind](database)


def postgresql(database: Database) -> Connection:
    """By pg8000, over TCP or the socket in a folder."""
    driver = _driver("pg8000.dbapi")
    local = database.host.startswith("/")
    connection = driver.connect(
        database.user,
        host=None if local else database.host,
        unix_sock=f"{database.host}/.s.PGSQL.{database.port}" if local else None,
        port=database.port,
        database=database.database or None,
        password=_password(database),
        timeout=database.timeout_s + _GRACE_S,
        application_name="sereno-agent",
        ssl_context=ssl.create_default_context() if database.tls else None,
    )
    connection.autocommit = True
    milliseconds = int(database.timeout_s * 1000)
    return OnServer(
        connection,
        "BEGIN TRANSACTION READ ONLY",
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            f"SET statement_timeout = {milliseconds}",
            f"SET lock_timeout = {milliseconds}",
            f"SET idle_in_transaction_session_timeout = {milliseconds}",
        ),
    )


def mysql(database: Database, connect_with: Callable[..., Any] | None = None) -> Connection:
    """By PyMySQL, over TCP or a socket; MariaDB has another name for the limit of time."""
    connect_with = connect_with or _driver("pymysql").connect
    local = database.host.startswith("/")
    connection = connect_with(
        host=None if local else database.host,
        unix_socket=database.host if local else None,
        port=database.port,
        user=database.user,
        password=_password(database) or "",
        database=database.database or None,
        connect_timeout=max(1, int(database.timeout_s)),
        read_timeout=database.timeout_s + _GRACE_S,
        write_timeout=database.timeout_s + _GRACE_S,
        autocommit=True,
        local_infile=False,
        ssl=ssl.create_default_context() if database.tls else None,
    )
    if "mariadb" in str(connection.get_server_info()).lower():
        limit = f"SET SESSION max_statement_time = {database.timeout_s:g}"
    else:
        limit = f"SET SESSION max_execution_time = {int(database.timeout_s * 1000)}"
    return OnServer(connection, "START TRANSACTION READ ONLY", ("SET SESSION TRANSACTION READ ONLY", limit))


def _driver(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SerenoError("E_DATABASE_DRIVER", f"{module.partition('.')[0]} is not installed") from error


def _password(database: Database) -> str | None:
    if not database.password_file:
        return None
    with Path(database.password_file).open("rb") as file:
        content = file.read(_PASSWORD_BYTES_MAX + 1)
    if len(content) > _PASSWORD_BYTES_MAX:
        raise BadInput("E_CONFIG", f"{database.password_file} is too long for a password")
    return content.decode().rstrip("\r\n")


_KINDS: Final[dict[str, Callable[[Database], Connection]]] = {
    "postgresql": postgresql,
    "mysql": mysql,
    "sqlite": SQLite,
}
