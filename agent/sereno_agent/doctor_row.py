"""One line of what the doctor found."""

from typing import Literal, NamedTuple


class Row(NamedTuple):
    """ok: nothing to do; note: good to know; bad: to be mended."""

    state: Literal["ok", "note", "bad"]
    what: str
    remedy: str = ""


def ok(what: str) -> Row:
    return Row("ok", what)


def note(what: str, remedy: str) -> Row:
    return Row("note", what, remedy)


def bad(what: str, remedy: str) -> Row:
    return Row("bad", what, remedy)
