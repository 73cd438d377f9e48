r"""Signed documents: short ASCII texts that people can read, in one strict line grammar (DESIGN section 4).

    sereno plan v1                  the kind and its version
    requester: noa                  key, colon, one space, value
    expires: 2026-11-21T20:07:08Z   every line, the last one too, ends with LF

A value is printable ASCII, never empty. `\\` is a backslash, `\n` a line feed, `\u{e9}` any other character; a space at
the very end is `\u{20}`. Each text has exactly one meaning and each meaning one text: `write(kind, read(text, kind))`
gives the same bytes. What is signed are the bytes that travelled; nobody writes them anew to check a signature.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sereno_proto.errors import BadInput
from sereno_proto.limits import DOCUMENT_BYTES_MAX, DOCUMENT_LINES_MAX, DOCUMENT_VALUE_CHARS_MAX

_NOT_PRINTABLE: Final = re.compile(rb"[^\n\x20-\x7e]")
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,126}", re.ASCII)
_LINE: Final = re.compile(r"([^:]*): (.+)", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(?:\\|n|u\{([0-9a-f]{1,6})\})?", re.ASCII)
_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)

# Characters that reorder the text around them. A page that shows a value decoded must not show another text than the
# one that was signed, so they are refused even as escapes.
BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Kind:
    """What a kind of document may hold. Patterns are regular expressions of whole keys, each key still only once."""

    name: str
    version: int
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    patterned: tuple[str, ...] = ()

    @property
    def first_line(self) -> str:
        """The line that names kind and version."""
        return f"sereno {self.name} v{self.version}"

    def knows(self, key: str) -> bool:
        """Whether the key may stand in this kind of document."""
        return (
            key in self.required
            or key in self.optional
            or any(re.fullmatch(pattern, key, re.ASCII) for pattern in self.patterned)
        )


def write(kind: Kind, fields: Mapping[str, str]) -> bytes:
    """Gives the document's bytes, its lines in the order of the fields. Raises what `read` would raise."""
    lines = [kind.first_line]
    for key, value in fields.items():
        _check_key(kind, key)
        lines.append(f"{key}: {_escape(key, value)}")
    _check_required(kind, fields)
    text = "".join(f"{line}\n" for line in lines).encode("ascii")
    _check_size(text, len(lines))
    return text


def read(text: bytes, kind: Kind) -> dict[str, str]:
    """Gives the fields in their order. Raises BadInput with E_DOCUMENT…, E_FIELD_… or E_LIMIT for anything else."""
    lines = _lines(text)
    if lines[0] != kind.first_line:
        raise BadInput("E_DOCUMENT_KIND", f"expected '{kind.first_line}', found '{lines[0][:40]}'")
    fields: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadInput("E_DOCUMENT", f"line {number} is not 'key: value'")
        key, raw = match.groups()
        _check_key(kind, key)
        if key in fields:
            raise BadInput("E_FIELD_REPEATED", f"line {number} repeats '{key}'")
        fields[key] = _unescape(key, raw)
    _check_required(kind, fields)
    return fields


def kind_of(text: bytes) -> str:
    """Gives the first line of a document, such as `sereno plan v1`; raises E_DOCUMENT when it is none."""
    first = _lines(text)[0]
    if re.fullmatch(r"sereno [a-z][a-z-]{0,30} v[1-9][0-9]{0,3}", first, re.ASCII) is None:
        raise BadInput("E_DOCUMENT", "the first line does not name a kind and version")
    return first


def write_time(moment: datetime) -> str:
    """`2026-11-21T20:07:08Z`: UTC in whole seconds; a part of a second is dropped."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(value: str) -> datetime:
    """Reads what `write_time` wrote, and nothing else."""
    if _TIME.fullmatch(value) is None:
        raise BadInput("E_DOCUMENT", f"'{value[:40]}' is not a UTC time such as 2026-11-21T20:07:08Z")
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput("E_DOCUMENT", f"'{value}' is no time of any day") from error


def read_integer(value: str) -> int:
    """Reads a whole number >= 0 without sign, leading zeros or separators."""
    if _INTEGER.fullmatch(value) is None:
        raise BadInput("E_DOCUMENT", f"'{value[:40]}' is not a whole number")
    return int(value)


def _lines(text: bytes) -> list[str]:
    """Splits into lines after the checks that need no kind: size, ASCII, printable, final LF."""
    _check_size(text, text.count(b"\n"))
    if not text.endswith(b"\n"):
        raise BadInput("E_DOCUMENT", "the last line does not end with a line feed")
    strange = _NOT_PRINTABLE.search(text)
    if strange is not None:
        raise BadInput("E_DOCUMENT", f"byte {strange.start()} (0x{strange[0].hex()}) is not printable ASCII")
    return text.decode("ascii")[:-1].split("\n")


def _check_size(text: bytes, lines: int) -> None:
    if len(text) > DOCUMENT_BYTES_MAX:
        raise BadInput("E_LIMIT", f"a document has at most {DOCUMENT_BYTES_MAX} bytes, this one {len(text)}")
    if lines > DOCUMENT_LINES_MAX:
        raise BadInput("E_LIMIT", f"a document has at most {DOCUMENT_LINES_MAX} lines, this one {lines}")


def _check_key(kind: Kind, key: str) -> None:
    if _KEY.fullmatch(key) is None:
        raise BadInput("E_DOCUMENT", f"'{key[:40]}' is not a key")
    if not kind.knows(key):
        raise BadInput("E_FIELD_UNKNOWN", f"'{kind.first_line}' knows no key '{key}'")


def _check_required(kind: Kind, fields: Mapping[str, str]) -> None:
    for key in kind.required:
        if key not in fields:
            raise BadInput("E_FIELD_MISSING", f"'{kind.first_line}' needs the key '{key}'")


def _escape(key: str, value: str) -> str:
    if not value:
        raise BadInput("E_DOCUMENT", f"the value of '{key}' is empty; leave the key out")
    written = "".join(_escape_character(key, character) for character in value)
    if written.endswith(" "):
        written = written[:-1] + "\\u{20}"
    if len(written) > DOCUMENT_VALUE_CHARS_MAX:
        raise BadInput("E_LIMIT", f"the value of '{key}' exceeds {DOCUMENT_VALUE_CHARS_MAX} characters")
    return written


def _escape_character(key: str, character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character == "\n":
        return "\\n"
    if " " <= character <= "~":
        return character
    if character in BIDI or "\ud800" <= character <= "\udfff":
        raise BadInput("E_DOCUMENT", f"the value of '{key}' holds U+{ord(character):04X}, which hides text")
    return f"\\u{{{ord(character):x}}}"


def _unescape(key: str, raw: str) -> str:
    """Decodes, then encodes again: only the one way of writing a value is accepted."""

    def character(match: re.Match[str]) -> str:
        if match[0] == "\\\\":
            return "\\"
        if match[0] == "\\n":
            return "\n"
        if match[1] is None or int(match[1], 16) > sys.maxunicode:
            raise BadInput("E_DOCUMENT", f"the value of '{key}' holds an unknown escape")
        return chr(int(match[1], 16))

    value = _ESCAPE.sub(character, raw)
    if _escape(key, value) != raw:
        raise BadInput("E_DOCUMENT", f"the value of '{key}' is written in an unusual way")
    return value
