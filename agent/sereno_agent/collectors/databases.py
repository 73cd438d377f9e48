"""What the databases named in agent.toml answer: `database_up`, `database_value`, and how long each query took.

A worker asks them, one connection a database, with statements that are plainly seen to read, in read-only transactions.
What a query counts is its series `database_value` with the labels query, column, and row where there are several. One
whose columns are `used` and `maximum` runs out like a disk: it is also `database_used` and `database_maximum`.
"""

import json
import sys
from typing import Any, Final

from sereno_agent import config
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 120.0
APART: Final = True
_WORKER_S: Final = 100.0
_PROBE: Final = (sys.executable, "-P", "-s", "-B", "-m", "sereno_agent.probe_databases")


def make(surroundings: Surroundings) -> Collect:
    databases = config.load(surroundings.folders.config).databases
    request = json.dumps({name: database._asdict() for name, database in databases.items()}).encode() + b"\n"

    def collect(reading: Reading) -> None:
        if not databases:
            return
        answer = surroundings.host.ask(*_PROBE, request=request, timeout_s=_WORKER_S)
        try:
            told = dict(json.loads(answer or ""))
        except ValueError:
            reading.notice("E_DATABASE", "the worker that asks databases did not answer")
            return
        for name, one in told.items():
            _write(reading, name, one)

    return collect


def _write(reading: Reading, name: str, told: dict[str, Any]) -> None:
    label = ("database", name)
    reading.gauge("database_up", 0.0 if told["error"] else 1.0, label)
    reading.gauge("database_connect_seconds", told["seconds"], label)
    if told["error"]:
        reading.notice("E_DATABASE", f"database {name}: {told['error']}")
    for query, answer in told["queries"].items():
        if answer["error"]:
            code = "E_DATABASE_WRITES" if answer["error"].startswith("E_DATABASE_WRITES") else "E_DATABASE"
            reading.notice(code, f"database {name}, query {query}: {answer['error']}")
            continue
        reading.gauge("database_query_seconds", answer["seconds"], label, ("query", query))
        found = {column: value for row, column, value in answer["values"] if not row}
        if found.keys() == {"used", "maximum"}:
            reading.gauge("database_used", found["used"], ("bound", f"{name} {query}"))
            reading.gauge("database_maximum", found["maximum"], ("bound", f"{name} {query}"))
        for row, column, value in answer["values"]:
            labels = [("column", column), label, ("query", query), *([("row", row)] if row else [])]
            reading.gauge("database_value", value, *labels)
