"""Reads table rows into the dataclasses of rows.py: a field takes the column of its own name."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, FromClause, RowMapping

T = TypeVar("T")


def columns(kind: type[Any], table: FromClause, *, but: Iterable[str] = ()) -> list[ColumnElement[Any]]:
    """The columns of `table` that `kind` has fields for."""
    left_out = set(but)
    return [table.c[f.name] for f in fields(kind) if f.name in table.c and f.name not in left_out]


def row(kind: type[T], mapping: RowMapping, **more: Any) -> T:
    """One dataclass from one row; JSON arrays become tuples, a missing JSON object becomes an empty one."""
    given: dict[str, Any] = {}
    for f in fields(kind):  # type: ignore[arg-type] # every kind here is a dataclass
        if f.name in more:
            given[f.name] = more[f.name]
        elif f.name in mapping:
            given[f.name] = _frozen(f.name, mapping[f.name])
    return kind(**given)


_TUPLES = {"path", "evidence"}
_OBJECTS = {"figures", "detail", "facts", "labels"}


def _frozen(name: str, value: Any) -> Any:
    if name in _TUPLES:
        return tuple(tuple(pair) for pair in value or () if isinstance(pair, Sequence))
    if name in _OBJECTS:
        return value or {}
    return value
