"""Asks one database one statement for a check: through the same three walls as the collector does."""

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from sereno_diagnostics.machine import Rows
from sereno_proto.errors import SerenoError

if TYPE_CHECKING:
    from sereno_agent.database_settings import Database

_TEXT_CHARS_MAX = 200
_ERROR_CHARS_MAX = 300


def rows(database: "Database", statement: str) -> Rows:
    """The first rows as column and value, or why there are none."""
    from sereno_agent.database_drivers import connect  # noqa: PLC0415, few checks ask databases
    from sereno_agent.database_statements import require_reading  # noqa: PLC0415, as above

    started = time.monotonic()
    try:
        connection = connect(database)
        try:
            columns, found = connection.run(require_reading(statement, database.kind))
        finally:
            connection.close()
    except Exception as error:  # noqa: BLE001, drivers raise what they like
        words = error.line() if isinstance(error, SerenoError) else f"{type(error).__name__}: {error}"
        return Rows((), time.monotonic() - started, " ".join(words.split())[:_ERROR_CHARS_MAX])
    plain = tuple({name: _plain(value) for name, value in zip(columns, row, strict=False)} for row in found)
    return Rows(plain, time.monotonic() - started)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:_TEXT_CHARS_MAX]
