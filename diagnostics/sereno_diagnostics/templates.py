"""Groups similar messages: what varies (numbers, addresses, ids, quoted texts) becomes `*`. Pure.

This is the quick look on the device; the server's own templates are learnt over weeks.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_VARIES: Final = re.compile(
    r"""\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"""
    r"""|\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,}){0,4}\b|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?"""
    r"""|"[^"]{1,200}"|'[^']{1,200}'|\d+(?:\.\d+)?"""
)
_ERROR: Final = re.compile(
    r"\b(?:error|err|fatal|critical|crit|alert|emerg|panic|exception|traceback)\b", re.IGNORECASE
)
_LINE_CHARS_MAX: Final = 400
_GROUPS_MAX: Final = 2000


class Group(NamedTuple):
    """Messages of one template from one source."""

    source: str
    template: str
    times: int
    last_s: float


def template(text: str) -> str:
    """The constant part of a message."""
    return _VARIES.sub("*", " ".join(text[:_LINE_CHARS_MAX].split()))


def is_error(line: str) -> bool:
    """Whether a line says of itself that it is about an error."""
    return _ERROR.search(line[:_LINE_CHARS_MAX]) is not None


def grouped(messages: Iterable[tuple[float, str, str]]) -> list[Group]:
    """Time, source and text of each message; gives the groups, the most frequent first."""
    found: dict[tuple[str, str], tuple[int, float]] = {}
    for at, source, text in messages:
        key = source, template(text)
        if key in found or len(found) < _GROUPS_MAX:
            count, last = found.get(key, (0, 0.0))
            found[key] = count + 1, max(last, at)
    groups = [Group(*key, count, last) for key, (count, last) in found.items()]
    return sorted(groups, key=lambda group: (-group.times, group.source, group.template))
