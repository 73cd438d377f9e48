"""Reads one file from its place on: whole records as text, and the place after them."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sereno_agent.logs.place import Place, Window
from sereno_agent.logs.records import Shape, cut
from sereno_agent.redact import continued

READ_BYTES: Final = 128 * 1024  # more than the longest record, so that reading always gets on
SKIP_BYTES: Final = 1 << 20  # of a line of which enough was taken
_BYTE_ORDERS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Colours of terminals, and what no text has: control characters but tab and line feed, and byte order marks.
NOT_TEXT: Final = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f\ufeff]")


@dataclass(frozen=True)
class Piece:
    """What was read: records as text, still with their secrets, where reading stands now, and whether more is there."""

    texts: list[str]
    place: Place
    more: bool
    same: bool = True  # False: the file was truncated, what is at the place now follows nothing that was read


def read(fd: int, place: Place, shape: Shape, *, records_max: int, final: bool = False, settled: bool = False) -> Piece:
    """Reads at most READ_BYTES. Raises OSError."""
    if shape.codec == "utf-16":
        shape = replace(shape, codec=_BYTE_ORDERS.get(os.pread(fd, 2, 0), "utf-16-le"))
    window = Window(fd, place, SKIP_BYTES if place.skipping else READ_BYTES)
    if not window.same:
        return Piece([], place, more=False, same=False)
    status = os.fstat(fd)
    data = window.data
    if place.skipping and (end := data.find(shape.newline)) >= 0:
        data = data[: end + READ_BYTES]
    at_end = place.position + len(data) >= status.st_size
    found = cut(
        data,
        shape,
        skipping=place.skipping,
        final=final and at_end,
        settled=settled and at_end,
        records_max=records_max,
    )
    if not found.consumed:
        return Piece([], place, more=False)
    position = place.position + found.consumed
    after = window.advanced(place, position, mtime_ns=status.st_mtime_ns, skipping=found.skipping)
    texts = [text for text in (_text(record, shape.codec) for record in found.records) if text]
    return Piece(texts, after, more=position < status.st_size)


def redacted(texts: list[str], place: Place, redact: Callable[[str], str]) -> tuple[list[str], Place]:
    """The texts without their secrets; a private key that goes on in the next record is remembered in the place."""
    made = []
    key_lines = place.key_lines
    for text in texts:
        clean, key_lines = continued(text, redact, key_lines)
        made.append(clean)
    return made, replace(place, key_lines=key_lines)


def _text(record: bytes, codec: str) -> str:
    text = record.decode(codec, "replace")
    if not text.isprintable():
        text = NOT_TEXT.sub("", text)
    return text.rstrip()
