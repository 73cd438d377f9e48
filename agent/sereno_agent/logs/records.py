"""Cuts bytes of a log into records. Pure: what is not a whole record yet is left for the next time."""

import re  # noqa: TC003, dataclasses read their annotations
from dataclasses import dataclass
from typing import Final

LINE_BYTES_MAX: Final = 16_384  # of a longer line the beginning is kept, the rest is skipped
RECORD_BYTES_MAX: Final = 65_536
RECORD_LINES_MAX: Final = 500


@dataclass(frozen=True)
class Shape:
    """How a log's bytes are cut: the codec, and what a record begins with (None: each line is one)."""

    codec: str = "utf-8"
    begins: "re.Pattern[str] | None" = None

    @property
    def unit(self) -> int:
        """Bytes of one code unit: line feeds are looked for at multiples of it."""
        return 2 if self.codec.startswith("utf-16") else 1

    @property
    def newline(self) -> bytes:
        return "\n".encode(self.codec)


@dataclass(frozen=True)
class Cut:
    """Records, how many bytes they and what lay between took, and whether the next bytes belong to a line cut off."""

    records: list[bytes]
    consumed: int
    skipping: bool


def cut(
    data: bytes, shape: Shape, *, skipping: bool = False, final: bool = False, settled: bool = False, records_max: int
) -> Cut:
    """Takes whole records from the front of data.

    final: nothing follows, so that a last line without a line feed is one. settled: nothing came for a while, so that
    a record of several lines is over. skipping: data begins within a line of which enough was taken.
    """
    start = 0
    if skipping:
        end = _line_end(data, 0, shape)
        if end < 0:
            return Cut([], len(data) if final else _whole(len(data), shape), not final)
        start = end
    lines, consumed, cut_off = _lines(data, start, shape, final=final, lines_max=records_max)
    if shape.begins is None:
        return Cut([line for line, _ in lines], consumed, cut_off)
    records, after = _grouped(lines, shape, over=final or settled or cut_off)
    if after < 0:
        return Cut([], start, skipping=False)
    return Cut(records, consumed if after == len(lines) else lines[after - 1][1], cut_off and after == len(lines))


def _lines(
    data: bytes, start: int, shape: Shape, *, final: bool, lines_max: int
) -> tuple[list[tuple[bytes, int]], int, bool]:
    """Lines without their line feeds and where each ends, the bytes consumed, and whether the last one was cut off."""
    lines: list[tuple[bytes, int]] = []
    while len(lines) < lines_max:
        end = _line_end(data, start, shape)
        if end < 0:
            break
        lines.append((_clipped(data, start, end - shape.unit), end))
        start = end
    else:
        return lines, start, False
    rest = len(data) - start
    if final and rest:
        lines.append((_clipped(data, start, len(data)), len(data)))
        return lines, len(data), False
    if rest > LINE_BYTES_MAX:
        end = start + _whole(rest, shape)
        lines.append((data[start : start + LINE_BYTES_MAX], end))
        return lines, end, True
    return lines, start, False


def _grouped(lines: list[tuple[bytes, int]], shape: Shape, *, over: bool) -> tuple[list[bytes], int]:
    """Records of several lines, and how many lines they took; -1 when not even one is whole."""
    assert shape.begins is not None
    records: list[bytes] = []
    group: list[bytes] = []
    size = after = 0
    for number, (line, _) in enumerate(lines):
        begins = shape.begins.search(line.decode(shape.codec, "replace")) is not None
        if group and (begins or size + len(line) > RECORD_BYTES_MAX or len(group) >= RECORD_LINES_MAX):
            records.append(shape.newline.join(group))
            group, size, after = [], 0, number
        group.append(line)
        size += len(line)
    if group and over:
        records.append(shape.newline.join(group))
        after = len(lines)
    return records, after if records else -1


def _line_end(data: bytes, start: int, shape: Shape) -> int:
    """Where the line that begins at start ends, after its line feed; -1 when it does not end."""
    found = data.find(shape.newline, start)
    while found >= 0 and found % shape.unit:
        found = data.find(shape.newline, found + 1)
    return found + shape.unit if found >= 0 else -1


def _clipped(data: bytes, start: int, end: int) -> bytes:
    return data[start : min(end, start + LINE_BYTES_MAX)]


def _whole(count: int, shape: Shape) -> int:
    return count - count % shape.unit
