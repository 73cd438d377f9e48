"""Reads TOML for the policy with strict types, and says file and line of whatever is wrong."""

import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sereno_diagnostics.parameters import NAME_PATTERN
from sereno_proto.errors import BadInput
from sereno_proto.limits import POLICY_ENTRIES_MAX, TEXT_CHARS_MAX

_HEADER: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]""")
_SYNTAX_LINE: Final = re.compile(r"at line (\d+)")


def invalid(path: Path, line: int, what: str) -> BadInput:
    """The error that names file and line; line 0 means the file as a whole."""
    return BadInput("E_POLICY_INVALID", f"{path}:{line}: {what}" if line else f"{path}: {what}")


def read(text: str, path: Path) -> "Table":
    """The document's root table; raises BadInput with E_POLICY_INVALID."""
    try:
        return Table(path, lines(text), (), tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        raise invalid(path, int(found[1]) if found else len(text.splitlines()), str(error)) from error
    except RecursionError as error:
        raise invalid(path, 0, "brackets within brackets without end") from error


def lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table header and key, as people write them; good for messages, not for meaning."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            for depth in range(1, len(table) + 1):
                found.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
    return found


class Table:
    """One table of the document; every getter checks the type and names the line when it is wrong."""

    def __init__(
        self, path: Path, lines: dict[tuple[str, ...], int], where: tuple[str, ...], values: dict[str, Any]
    ) -> None:
        self._file = path
        self._lines = lines
        self._where = where
        self._values = values

    def wrong(self, key: str, what: str) -> BadInput:
        """The error for a key of this table."""
        where = (*self._where, key) if key else self._where
        line = next((self._lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in self._lines), 0)
        return invalid(self._file, line, f"{'.'.join(where)}: {what}")

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def keys(self) -> Collection[str]:
        """The keys that are there."""
        return self._values.keys()

    def only(self, *known: str) -> None:
        """Refuses keys that are not known."""
        for key in self._values:
            if key not in known:
                raise self.wrong(key, f"unknown key; known are {', '.join(known)}")

    def table(self, key: str) -> "Table":
        """A table within this one; a missing one is empty."""
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            raise self.wrong(key, "must be a table")
        return Table(self._file, self._lines, (*self._where, key), values)

    def tables(self) -> Iterator[tuple[str, "Table"]]:
        """The tables within this one by name."""
        if len(self._values) > POLICY_ENTRIES_MAX:
            raise self.wrong("", f"more than {POLICY_ENTRIES_MAX} entries")
        for name in self._values:
            if not NAME_PATTERN.fullmatch(name):
                raise self.wrong(name, "a name is 1 to 63 of a-z, 0-9 and hyphen")
            yield name, self.table(name)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from low to high."""
        value = self._values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"must be a whole number from {low} to {high}")
        return value

    def integers(self, key: str, low: int, high: int, count_max: int) -> tuple[int, ...]:
        """A list of whole numbers from low to high."""
        value = self._values.get(key, [])
        whole = isinstance(value, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
        if not whole or len(value) > count_max or not all(low <= one <= high for one in value):
            raise self.wrong(key, f"must be a list of at most {count_max} whole numbers from {low} to {high}")
        return tuple(value)

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def path(self, key: str) -> Path:
        """An absolute path, plainly written: no `..`, no control characters."""
        return self._path(key, self._values.get(key))

    def paths(self, key: str) -> tuple[Path, ...]:
        """A list of such paths; none when left out."""
        return tuple(self._path(key, value) for value in self.names(key))

    def _path(self, key: str, value: object) -> Path:
        if not isinstance(value, str):
            raise self.wrong(key, "must be a path")
        path = Path(value)
        if not path.is_absolute():
            raise self.wrong(key, f"{value!r} is not absolute")
        if ".." in PurePosixPath(value).parts or not value.isprintable() or path == Path(path.anchor):
            raise self.wrong(key, f"{value!r} must be a plain path without '..', and not the root")
        return path

    def text(self, key: str, expression: str, what: str) -> str:
        """A text that the expression matches whole."""
        value = self._values.get(key)
        if not isinstance(value, str) or not re.fullmatch(expression, value):
            raise self.wrong(key, f"must be {what}")
        return value

    def choice(self, key: str, default: str, known: Collection[str]) -> str:
        """One of the known words."""
        value = self._values.get(key, default)
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, f"must be one of {', '.join(sorted(known))}")
        return value

    def expression(self, key: str) -> str:
        """A regular expression that compiles; empty when left out."""
        value = self._values.get(key, "")
        if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
            raise self.wrong(key, "must be a regular expression")
        try:
            re.compile(value)
        except re.error as error:
            raise self.wrong(key, f"{value!r} is no regular expression: {error}") from error
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
            raise self.wrong(key, "must be a list of texts")
        if len(value) > POLICY_ENTRIES_MAX or any(not item or len(item) > TEXT_CHARS_MAX for item in value):
            raise self.wrong(key, f"holds an empty or overlong text, or more than {POLICY_ENTRIES_MAX} of them")
        return tuple(value)

    def globs(self, key: str) -> tuple[str, ...]:
        """File name patterns, without folders."""
        patterns = self.names(key)
        for pattern in patterns:
            if "/" in pattern or pattern in {".", ".."}:
                raise self.wrong(key, f"{pattern!r} must be a file name pattern without folders")
        return patterns

    def expressions(self, key: str) -> tuple[str, ...]:
        """Regular expressions that compile."""
        patterns = self.names(key)
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise self.wrong(key, f"{pattern!r} is no regular expression: {error}") from error
        return patterns
