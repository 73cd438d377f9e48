"""Unified diffs as lines that a template can draw, with the words that differ marked."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["same", "add", "del"]
LINES_MAX = 400


@dataclass(frozen=True)
class Line:
    """One line: its kind, and its text in pieces of which some are marked as different."""

    kind: Kind
    pieces: tuple[tuple[str, bool], ...]


def lines(diff: str | Sequence[str]) -> list[Line]:
    """The lines of a unified diff without its headers; where a line was replaced, the words that differ are marked."""
    given = diff.splitlines() if isinstance(diff, str) else list(diff)
    drawn: list[Line] = []
    removed: list[str] = []
    added: list[str] = []
    for text in given[:LINES_MAX]:
        if not (drawn or removed or added) and text.startswith(("--- ", "+++ ", "@@")):
            continue
        if text.startswith("-"):
            if added:
                _flush(drawn, removed, added)
            removed.append(text[1:])
        elif text.startswith("+"):
            added.append(text[1:])
        else:
            _flush(drawn, removed, added)
            if not text.startswith(("@@", "\\")):
                drawn.append(Line("same", ((text[1:], False),)))
    _flush(drawn, removed, added)
    return drawn


def _flush(drawn: list[Line], removed: list[str], added: list[str]) -> None:
    if len(removed) == len(added):
        pairs = [_marked(old, new) for old, new in zip(removed, added, strict=True)]
        drawn.extend(Line("del", old) for old, _ in pairs)
        drawn.extend(Line("add", new) for _, new in pairs)
    else:
        drawn.extend(Line("del", ((text, False),)) for text in removed)
        drawn.extend(Line("add", ((text, False),)) for text in added)
    removed.clear()
    added.clear()


Pieces = tuple[tuple[str, bool], ...]


def _marked(old: str, new: str) -> tuple[Pieces, Pieces]:
    before, after = re.findall(r"\w+|\W", old), re.findall(r"\w+|\W", new)
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    if matcher.ratio() < 0.4:  # noqa: PLR2004 # two different lines: marking them whole would say nothing
        return ((old, False),), ((new, False),)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if i2 > i1:
            left.append(("".join(before[i1:i2]), tag != "equal"))
        if j2 > j1:
            right.append(("".join(after[j1:j2]), tag != "equal"))
    return tuple(left), tuple(right)
