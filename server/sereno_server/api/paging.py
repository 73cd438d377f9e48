"""Pages of a listing: `items`, and `next`, an opaque cursor that the following call gives back."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from sereno_proto import limits
from sereno_proto.errors import BadInput

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=limits.PAGE_ROWS_MAX)]
Cursor = Annotated[str, Query(max_length=512)]


class Page(BaseModel, Generic[T]):
    """One page of a listing; `next` is empty on the last."""

    items: Sequence[T]
    next: str = ""


def write_cursor(place: Any) -> str:
    """Makes the cursor of a place, which is anything JSON."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, of: type[T], start: T) -> T:
    """The place that a cursor names, `start` for an empty one; raises E_BAD_REQUEST for one that we did not make."""
    if not cursor:
        return start
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_BAD_REQUEST", "the cursor is not one of ours", "start again without a cursor") from error
    if not isinstance(place, of) or (isinstance(place, int) and not 0 <= place < 1 << 31):
        raise BadInput("E_BAD_REQUEST", "the cursor belongs to another listing", "start again without a cursor")
    return place


def by_offset(rows: Sequence[T], offset: int, limit: int) -> Page[T]:
    """The page of rows that were read with one more than `limit`."""
    return Page(items=rows[:limit], next=write_cursor(offset + limit) if len(rows) > limit else "")
