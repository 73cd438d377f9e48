"""Asks databases in a process of its own: the core has neither drivers nor passwords.

Standard input: {"name": the fields of a Database, …}. Standard output: {"name": {"seconds", "error", "queries":
{"name": {"seconds", "error", "values": [[row, column, value], …]}}}, …}. One thread and one connection a database, so
that one that hangs keeps none of the others.
"""

import contextlib
import json
import math
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from sereno_agent.database_drivers import Connection, connect
from sereno_agent.database_settings import Database
from sereno_agent.database_statements import require_reading
from sereno_proto.errors import SerenoError
from sereno_proto.limits import WORKER_MEMORY_BYTES_MAX

TOGETHER_S_MAX: Final = 80.0  # after which no further statement is begun
_ERROR_CHARS_MAX: Final = 300
_LABEL_CHARS_MAX: Final = 120

STANDARD: Final = {
    "postgresql": {
        "connections": (
            "SELECT count(*) AS used, current_setting('max_connections')::int AS maximum FROM pg_stat_activity"
        ),
        "size": "SELECT pg_database_size(current_database()) AS bytes",
        "longest_transaction": (
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) AS seconds"
            " FROM pg_stat_activity"
        ),
        "transaction_ids": "SELECT max(age(datfrozenxid)) AS used, 2147483648 AS maximum FROM pg_database",
    },
    "mysql": {
        "connections": "SELECT count(*) AS used, @@max_connections AS maximum FROM information_schema.processlist",
        "size": (
            "SELECT coalesce(sum(data_length + index_length), 0) AS bytes FROM information_schema.tables"
            " WHERE table_schema = database()"
        ),
    },
    "sqlite": {
        "size": "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()",
        "free_pages": "SELECT freelist_count AS pages FROM pragma_freelist_count()",
    },
}

Connect = Callable[[Database], Connection]


def main() -> None:
    """Answers the one request, within a bound of memory: a statement may give more rows than anybody wants."""
    with contextlib.suppress(ValueError, OSError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (WORKER_MEMORY_BYTES_MAX, WORKER_MEMORY_BYTES_MAX))
    request = json.loads(sys.stdin.readline())  # the stream stays open: it is what the core is known to live by
    print(json.dumps(ask_all({name: Database(**fields) for name, fields in request.items()})))  # noqa: T201


def ask_all(databases: dict[str, Database], connect_to: Connect = connect) -> dict[str, Any]:
    """Asks every database at once; one that does not come back in time is left out with an error."""
    answers: dict[str, Any] = {
        name: {"seconds": 0.0, "error": "no answer in time", "queries": {}} for name in databases
    }
    deadline = time.monotonic() + TOGETHER_S_MAX
    lock = threading.Lock()

    def work(name: str) -> None:
        answer = ask(databases[name], deadline, connect_to)
        with lock:
            answers[name] = answer

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    with lock:
        return dict(answers)


def ask(database: Database, deadline: float, connect_to: Connect = connect) -> dict[str, Any]:
    """Connects once and asks every query."""
    queries = {**(STANDARD[database.kind] if database.standard else {}), **database.queries}
    started = time.monotonic()
    try:
        connection = connect_to(database)
    except Exception as error:  # noqa: BLE001, drivers raise what they like
        return {"seconds": time.monotonic() - started, "error": _words(error), "queries": {}}
    answer: dict[str, Any] = {"seconds": time.monotonic() - started, "error": "", "queries": {}}
    try:
        for name, statement in queries.items():
            if time.monotonic() > deadline:
                answer["queries"][name] = {"seconds": 0.0, "error": "not asked: the others took too long", "values": []}
            else:
                answer["queries"][name] = _query(connection, statement, database.kind)
    finally:
        connection.close()
    return answer


def _query(connection: Connection, statement: str, kind: str) -> dict[str, Any]:
    started = time.monotonic()
    try:
        columns, rows = connection.run(require_reading(statement, kind))
        values = list(numbers(columns, rows))
    except Exception as error:  # noqa: BLE001, as above
        return {"seconds": time.monotonic() - started, "error": _words(error), "values": []}
    return {"seconds": time.monotonic() - started, "error": "", "values": values}


def numbers(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[tuple[str, str, float]]:
    """Row, column and value of everything that is a number. With several rows, each is named by its first text."""
    found = []
    for count, row in enumerate(rows, 1):
        label = next((value for value in row if isinstance(value, str)), str(count)) if len(rows) > 1 else ""
        for column, value in zip(columns, row, strict=False):
            if isinstance(value, int | float | Decimal) and math.isfinite(value):
                found.append((label[:_LABEL_CHARS_MAX], column[:_LABEL_CHARS_MAX], float(value)))
    return found


def _words(error: Exception) -> str:
    """What went wrong, on one line."""
    if isinstance(error, SerenoError):
        return error.line()[:_ERROR_CHARS_MAX]
    detail = error.args[0].get("M") if error.args and isinstance(error.args[0], dict) else str(error)
    return " ".join(f"{type(error).__name__}: {detail}".split())[:_ERROR_CHARS_MAX]


if __name__ == "__main__":
    main()
