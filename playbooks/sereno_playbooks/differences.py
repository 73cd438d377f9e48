"""The difference that a change makes to a text file, as people read and sign it."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sereno_diagnostics.findings import printable
from sereno_proto.limits import DIFF_CHARS_MAX

_LINE_CHARS_MAX: Final = 1000
_LINES_MAX: Final = 1000


def difference(
    path: Path, current: bytes, wanted: bytes, becomes: str, redact: Callable[[str], str]
) -> tuple[str, ...]:
    """The unified difference of the redacted texts, hidden signs written out.

    Empty when it is not text, or too long for a person to sign.
    """
    try:
        before, after = _lines(redact(current.decode())), _lines(redact(wanted.decode()))
    except UnicodeDecodeError:
        return ()
    names = f"{path} (now)", f"{path} ({becomes})"
    lines = [printable(line) for line in difflib.unified_diff(before, after, *names, lineterm="")]
    if (
        len(lines) > _LINES_MAX
        or sum(map(len, lines)) > DIFF_CHARS_MAX
        or any(len(line) > _LINE_CHARS_MAX for line in lines)
    ):
        return ()
    return tuple(lines)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1]:
        return [*lines[:-1], f"{lines[-1]} (no newline at the end)"]
    return lines[:-1]
