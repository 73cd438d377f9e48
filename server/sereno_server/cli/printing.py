"""What commands print: tables for people, one JSON array for programs, others' text made harmless for terminals."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 240  # of a table that goes to a file or a pipe: nothing is folded there

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Prints the rows: a table with these columns, or with --json one array of whole objects."""
    if as_json:
        sys.stdout.write(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False) + "\n")
        return
    if not rows:
        out.print("none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in {"id", "at", "last_seen"})
    for row in rows:
        table.add_row(*(Text(plain(_cell(column, row.get(column)))) for column in columns))
    out.print(table)


def say(text: str) -> None:
    """Prints a line of ours or of the server's; escape sequences in it do nothing."""
    out.print(Text(plain(text)))


def plain(text: str) -> str:
    """The text without control characters, which could repaint a terminal; newlines and tabs stay."""
    return "".join(char if char in "\n\t" or char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def ago(moment: str | None, now: datetime | None = None) -> str:
    """`12 s ago` of an ISO time; `never` where there is none."""
    if not moment:
        return "never"
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"


def _cell(column: str, value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, str) and (column == "at" or column.endswith("_at")):
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
