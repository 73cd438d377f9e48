"""The databases that agent.toml names, and what to ask them.

[databases.orders]
kind = "postgresql"               # postgresql, mysql (also MariaDB) or sqlite
host = "/var/run/postgresql"      # a name, an address, or the folder (mysql: the path) of a local socket
port = 5432                       # left out: the kind's own
database = "orders"
user = "monitor"                  # a role that can only read is the better part of safety
password_file = "/etc/sereno-agent/orders.password"    # left out: none; readable by the agent's user
tls = true                        # left out: no. The server's certificate is verified
timeout_s = 5                     # a slower statement is cancelled
standard = true                   # connections, size and the like; left out: yes

[databases.orders.queries]
open_orders = "SELECT count(*) FROM orders WHERE state = 'open'"

[databases.app]
kind = "sqlite"
path = "/srv/app/app.db"
"""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    DATABASE_QUERIES_MAX,
    DATABASE_STATEMENT_CHARS_MAX,
    DATABASE_TIMEOUT_S_MAX,
    DATABASES_MAX,
)

KINDS: Final = {"postgresql": 5432, "mysql": 3306, "sqlite": 0}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_TEXTS: Final = ("kind", "host", "database", "user", "password_file", "path")
_KNOWN: Final = {*_TEXTS, "port", "tls", "timeout_s", "standard", "queries"}


class Database(NamedTuple):
    """One database and its queries."""

    kind: str
    host: str = "localhost"
    port: int = 0
    database: str = ""
    user: str = ""
    password_file: str = ""
    path: str = ""  # of a SQLite file
    tls: bool = False
    timeout_s: float = 5.0
    standard: bool = True
    queries: dict[str, str] = {}  # noqa: RUF012, a NamedTuple's default, never changed


def read(where: str, value: object) -> dict[str, Database]:
    """The table [databases]; raises BadInput with E_CONFIG naming the key."""
    if not isinstance(value, dict) or len(value) > DATABASES_MAX:
        raise _wrong(where, f"a table of at most {DATABASES_MAX} databases is needed")
    return {name: _database(f"{where}.{name}", name, entry) for name, entry in value.items()}


def _database(where: str, name: str, entry: object) -> Database:
    if _NAME.fullmatch(name) is None:
        raise _wrong(where, "a name is 1 to 63 of a-z, 0-9, hyphen and underline")
    if not isinstance(entry, dict):
        raise _wrong(where, "a table is needed")
    values = _texts(where, entry)
    kind = values.get("kind", "")
    if kind not in KINDS:
        raise _wrong(f"{where}.kind", f"one of {', '.join(KINDS)} is needed")
    if (kind == "sqlite") != ("path" in values):
        raise _wrong(f"{where}.path", "sqlite has a path, and the others have none")
    for key in ("tls", "standard"):
        if not isinstance(entry.get(key, False), bool):
            raise _wrong(f"{where}.{key}", "true or false is needed")
    return Database(
        **values,
        port=int(_number(f"{where}.port", entry.get("port", KINDS[kind]), 0, 65_535)),
        tls=entry.get("tls", False),
        timeout_s=_number(f"{where}.timeout_s", entry.get("timeout_s", 5), 0.1, DATABASE_TIMEOUT_S_MAX),
        standard=entry.get("standard", True),
        queries=_queries(f"{where}.queries", entry.get("queries", {})),
    )


def _texts(where: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The settings that are texts; refuses keys that are not known."""
    for key in entry:
        if key not in _KNOWN:
            raise _wrong(f"{where}.{key}", "no such setting")
    values: dict[str, Any] = {key: _text(f"{where}.{key}", entry[key]) for key in _TEXTS if key in entry}
    for key in ("password_file", "path"):
        if key in values and not Path(values[key]).is_absolute():
            raise _wrong(f"{where}.{key}", "an absolute path is needed")
    return values


def _queries(where: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > DATABASE_QUERIES_MAX:
        raise _wrong(where, f"a table of at most {DATABASE_QUERIES_MAX} queries is needed")
    for name, statement in value.items():
        if _NAME.fullmatch(name) is None:
            raise _wrong(f"{where}.{name}", "a name is 1 to 63 of a-z, 0-9, hyphen and underline")
        if len(_text(f"{where}.{name}", statement)) > DATABASE_STATEMENT_CHARS_MAX:
            raise _wrong(f"{where}.{name}", f"a statement has at most {DATABASE_STATEMENT_CHARS_MAX} characters")
    return dict(value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(where, "a text is needed")
    return value


def _number(where: str, value: object, low: float, high: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise _wrong(where, f"a number of {low:g} to {high:g} is needed")
    return value


def _wrong(where: str, what: str) -> BadInput:
    return BadInput("E_CONFIG", f"{where}: {what}")
