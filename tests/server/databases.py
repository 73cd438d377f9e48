"""Fresh databases for tests: one that was emptied is as good as a new copy, and costs a tenth of it.

A database goes back on the shelf only when its catalogue is as it was made, partitions of days aside; otherwise, or
when it grew, it is dropped.
"""

import gc
import uuid
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
from psycopg import Connection, sql

from sereno_server.store.embedded import DATABASE, ROLE, SUPERUSER, EmbeddedPostgreSQL

USES_MAX = 40  # emptied tables keep their dead rows
SIZE_BYTES_MAX = 16 * 2**20  # an empty one has 10
WAIT_MS = 10_000

_ENDED = "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_MADE: LiteralString = (
    " UNION ALL ".join(
        f"SELECT {place}, count(*), max(xmin::text::bigint) FROM pg_{name}"
        for place, name in enumerate(
            (
                "class WHERE relkind NOT IN ('p', 'I')",  # what is divided remembers that it had parts
                *("attribute", "attrdef", "constraint", "index", "policy", "proc", "trigger", "type", "rewrite"),
            )
        )
    )
    + " UNION ALL SELECT -1, count(*), 0 FROM pg_db_role_setting"
)
_TABLES = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
_PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"


@dataclass
class Made:
    """A database of this shelf. filled: what is in the tables that are never empty."""

    name: str
    catalogue: list[tuple[object, ...]]
    partitions: set[str]
    filled: dict[str, str]
    uses: int = 1


@dataclass
class Shelf:
    """Migrated, empty databases of one server."""

    server: EmbeddedPostgreSQL
    free: list[Made] = field(default_factory=list)
    taken: dict[str, Made] = field(default_factory=dict)

    def take(self) -> str:
        """The URL of an empty database that nobody else has."""
        made = self.free.pop() if self.free else self._make()
        made.uses += 1
        url = self.server.url(database=made.name)
        self.taken[url] = made
        return url

    def give_back(self, url: str) -> None:
        """Ends whoever is connected to it, and empties or drops it."""
        made = self.taken.pop(url)
        with self._connect(made.name) as connection:
            connection.execute(_ENDED, (WAIT_MS, made.name))
            if made.uses <= USES_MAX and self._emptied(connection, made):
                self.free.append(made)
                return
        gc.collect()  # a cancelled connection attempt keeps its socket until then, and DROP waits for its backend
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made.name)))

    def _connect(self, name: str) -> Connection:
        return psycopg.connect(self.server.url(SUPERUSER, name), autocommit=True)

    def _make(self) -> Made:
        name = "test_" + uuid.uuid4().hex[:12]
        words = [sql.Identifier(word) for word in (name, DATABASE, ROLE)]
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(*words))
        with self._connect(name) as connection:
            filled = {table: _digest(connection, table) for table in _not_empty(connection)}
            return Made(name, connection.execute(_MADE).fetchall(), _partitions(connection), filled)

    def _emptied(self, connection: Connection, made: Made) -> bool:
        for name in _partitions(connection) - made.partitions:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        [size] = connection.execute("SELECT pg_database_size(%s)", (made.name,)).fetchone() or [0]
        if size > SIZE_BYTES_MAX or connection.execute(_MADE).fetchall() != made.catalogue:
            return False
        full = _not_empty(connection)
        if any(_digest(connection, table) != digest for table, digest in made.filled.items()):
            return False
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
            for table in full - made.filled.keys():
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for (name,) in connection.execute(_SEQUENCES).fetchall():
                connection.execute("SELECT setval(%s, 1, false)", (name,))
        return True


def _partitions(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute(_PARTITIONS).fetchall()}


def _not_empty(connection: Connection) -> set[str]:
    tables = [name for (name,) in connection.execute(_TABLES).fetchall()]
    asked = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(name)) for name in tables)
    row = connection.execute(sql.SQL("SELECT ") + asked).fetchone() or ()
    return {name for name, some in zip(tables, row, strict=True) if some}


def _digest(connection: Connection, table: str) -> str:
    asked = sql.SQL("SELECT md5(string_agg(one::text, '|' ORDER BY one::text)) FROM {} AS one")
    [digest] = connection.execute(asked.format(sql.Identifier(table))).fetchone() or [""]
    return str(digest)
