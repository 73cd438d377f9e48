"""What checks ask databases: a closed list of statements that only read. Each goes through the agent's three walls."""

import re
from collections.abc import Mapping
from typing import Final

from sereno_diagnostics.allowed import NamedDatabase
from sereno_diagnostics.findings import FAILING, finding
from sereno_diagnostics.machine import Rows
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

STATEMENTS: Final[Mapping[tuple[str, str], str]] = {
    ("postgresql", "connections"): (
        "SELECT coalesce(usename, backend_type) AS name, count(*) AS used,"
        " count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle,"
        " max(current_setting('max_connections')::int) AS maximum"
        " FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC"
    ),
    ("mysql", "connections"): (
        "SELECT user AS name, count(*) AS used, 0 AS idle, @@max_connections AS maximum"
        " FROM information_schema.processlist GROUP BY user ORDER BY 2 DESC"
    ),
    ("postgresql", "locks"): (
        "SELECT waiting.pid AS waiter, pg_blocking_pids(waiting.pid)::text AS holder, waiting.query AS statement,"
        " extract(epoch FROM clock_timestamp() - waiting.query_start) AS seconds"
        " FROM pg_stat_activity AS waiting WHERE waiting.wait_event_type = 'Lock' ORDER BY 4 DESC"
    ),
    ("mysql", "locks"): (
        "SELECT id AS waiter, 'unknown' AS holder, info AS statement, time AS seconds"
        " FROM information_schema.processlist WHERE state LIKE '%lock%' ORDER BY 4 DESC"
    ),
    ("postgresql", "running"): (
        "SELECT coalesce(usename, backend_type) AS who, state, query AS statement,"
        " extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start)) AS seconds"
        " FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        " ORDER BY 4 DESC"
    ),
    ("mysql", "running"): (
        "SELECT user AS who, command AS state, info AS statement, time AS seconds"
        " FROM information_schema.processlist WHERE command NOT IN ('Sleep', 'Daemon', 'Binlog Dump')"
        " AND id <> connection_id() ORDER BY 4 DESC"
    ),
    ("postgresql", "replicas"): (
        "SELECT coalesce(nullif(application_name, ''), client_addr::text) AS name, state,"
        " coalesce(extract(epoch FROM replay_lag), 0) AS lag_s,"
        " coalesce(pg_wal_lsn_diff(sent_lsn, replay_lsn), 0) AS lag_bytes FROM pg_stat_replication"
    ),
    ("postgresql", "replica"): (
        "SELECT pg_is_in_recovery() AS replica,"
        " coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) AS lag_s"
    ),
    ("postgresql", "bloat"): (
        "SELECT relname AS name, 100.0 * n_dead_tup / greatest(n_live_tup + n_dead_tup, 1) AS dead_percent,"
        " pg_total_relation_size(relid) AS bytes, greatest(last_vacuum, last_autovacuum)::text AS cleared"
        " FROM pg_stat_user_tables WHERE n_dead_tup > 1000 ORDER BY n_dead_tup DESC LIMIT 16"
    ),
    ("sqlite", "bloat"): (
        "SELECT 'the file' AS name, 100.0 * freelist_count / max(page_count, 1) AS dead_percent,"
        " page_count * page_size AS bytes, '' AS cleared"
        " FROM pragma_freelist_count(), pragma_page_count(), pragma_page_size()"
    ),
}
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'?|\b\d+(?:\.\d+)?\b|\$\w*\$.*?\$\w*\$", re.DOTALL)
_SHAPE_CHARS_MAX: Final = 160


def ask(reader: Reader, database: NamedDatabase, what: str) -> Rows:
    """The answer; an error where this kind of database has no such statement."""
    statement = STATEMENTS.get((database.kind, what))
    if statement is None:
        return Rows((), 0.0, f"{database.kind} is not asked that")
    return reader.probe("query").query(database.name, statement)


def failed(database: NamedDatabase, answer: Rows) -> list[Finding]:
    """The finding for a database that cannot be asked."""
    return [
        finding(
            FAILING,
            f"{database.name} cannot be asked: {answer.error}",
            advice="See whether it runs, and whether the agent's role may look (pg_monitor, PROCESS).",
        )
    ]


def number(row: Mapping[str, object], column: str) -> float:
    """A column as a number; 0 where it is none."""
    value = row.get(column)
    return float(value) if isinstance(value, int | float) else 0.0


def shape(statement: object) -> str:
    """A statement's beginning without the values in it: those are people's data."""
    return " ".join(_LITERAL.sub("?", str(statement or "")).split())[:_SHAPE_CHARS_MAX]
