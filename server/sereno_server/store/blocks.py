"""The block: all samples of a device and an hour, compressed without loss. Pure functions over arrays.

Series that were measured together form a matrix with one time column. Each column is scaled to integers where a power
of ten makes it so exactly, then written as whichever is smallest of offsets, deltas or deltas of deltas; other columns
keep their bits, each XORed with the one before. What remains is cut into byte planes (all low bytes, then all
next ones) of just the width needed, and one zstd frame holds everything. Every finite f64 comes back bit for bit.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zstandard

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Float64 = npt.NDArray[np.float64]

VERSION = 1
LEVEL = 6
EXPONENTS = (0, 1, 2, 3, 4, 6)
RAW = 255  # the exponent of a column that keeps its bits
EXACT_MAX = float(1 << 53)  # integers up to here are exact in f64
BODY_BYTES_MAX = 256 << 20
_COUNTS = struct.Struct("<II")


@dataclass(frozen=True)
class Matrix:
    """Samples of several series at the same moments.

    series: ids, one a column; times: int64 milliseconds, one a row; values: f64, rows x columns.
    """

    series: tuple[int, ...]
    times: Int64
    values: Float64


def merged(matrices: Iterable[Matrix]) -> list[Matrix]:
    """One matrix for each set of series, its rows in order of time; equal times keep the order given."""
    groups: dict[tuple[int, ...], list[Matrix]] = {}
    for matrix in matrices:
        groups.setdefault(matrix.series, []).append(matrix)
    result: list[Matrix] = []
    for series, parts in groups.items():
        times = np.concatenate([part.times for part in parts])
        values = np.concatenate([part.values for part in parts])
        if np.any(times[1:] < times[:-1]):
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
        result.append(Matrix(series, times, values))
    return result


def encode(matrices: Sequence[Matrix]) -> bytes:
    """One block. Rows should be in order of time (see `merged`); any order is kept."""
    body = bytearray()
    for matrix in matrices:
        rows, columns = matrix.values.shape
        body += _COUNTS.pack(rows, columns)
        body += np.asarray(matrix.series, dtype="<u4").tobytes()
        body += _encode_integers(matrix.times.reshape(rows, 1))
        body += _encode_values(np.ascontiguousarray(matrix.values, dtype=np.float64))
    return bytes([VERSION]) + zstandard.ZstdCompressor(level=LEVEL).compress(bytes(body))


def decode(block: bytes) -> list[Matrix]:
    """The matrices of a block. Raises ValueError when it is not one."""
    if not block or block[0] != VERSION:
        raise ValueError("not a block of version 1")
    try:
        body = zstandard.ZstdDecompressor().decompress(block[1:], max_output_size=BODY_BYTES_MAX)
        reader = _Reader(body)
        matrices: list[Matrix] = []
        while reader.position < len(body):
            rows, columns = _COUNTS.unpack(reader.take(_COUNTS.size))
            series = tuple(np.frombuffer(reader.take(4 * columns), "<u4").tolist())
            times = _decode_integers(reader, rows, 1)[:, 0]
            matrices.append(Matrix(series, np.ascontiguousarray(times), _decode_values(reader, rows, columns)))
    except zstandard.ZstdError as error:
        raise ValueError("a damaged block") from error
    return matrices


class _Reader:
    """Takes bytes from the front of a body."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self.position = 0

    def take(self, count: int) -> memoryview:
        part = self._body[self.position : self.position + count]
        if len(part) != count:
            raise ValueError("a block cut short")
        self.position += count
        return part


def _encode_values(values: Float64) -> bytes:
    rows, columns = values.shape
    exponents, integers = _scaled(values)
    whole = exponents != RAW
    result = bytearray(exponents.tobytes())
    result += _encode_integers(integers[:, whole])
    bits = np.ascontiguousarray(values[:, ~whole]).view(np.uint64).reshape(rows, columns - int(whole.sum()))
    bits[1:] ^= bits[:-1].copy()
    return bytes(result + _planes(bits, np.full(bits.shape[1], 8, np.uint8)))


def _decode_values(reader: _Reader, rows: int, columns: int) -> Float64:
    exponents = np.frombuffer(reader.take(columns), np.uint8)
    whole = exponents != RAW
    count = int(whole.sum())
    values = np.empty((rows, columns), np.float64)
    values[:, whole] = _decode_integers(reader, rows, count) / np.power(10.0, exponents[whole])
    bits = _unplanes(reader, rows, np.full(columns - count, 8, np.uint8))
    values[:, ~whole] = np.bitwise_xor.accumulate(bits, axis=0).view(np.float64)
    return values


def _scaled(values: Float64) -> tuple[npt.NDArray[np.uint8], Int64]:
    """The smallest power of ten that makes each column whole without loss, and the columns so scaled."""
    bits = values.view(np.int64)
    exponents = np.full(values.shape[1], RAW, np.uint8)
    integers = np.zeros(values.shape, np.int64)
    left = np.arange(values.shape[1])
    for exponent in EXPONENTS:
        if not left.size:
            break
        factor = 10.0**exponent
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.rint(values[:, left] * factor)
            back = np.ascontiguousarray(scaled / factor).view(np.int64)
            small = np.abs(scaled) <= EXACT_MAX
        # Compared as bits, so that -0.0 is not taken for 0.0: an integer has no sign of zero.
        negative_zero = (scaled == 0.0) & np.signbit(scaled)
        exact = np.all((back == bits[:, left]) & small & ~negative_zero, axis=0)
        exponents[left[exact]] = exponent
        integers[:, left[exact]] = scaled[:, exact].astype(np.int64)
        left = left[~exact]
    return exponents, integers


def _encode_integers(columns: Int64) -> bytes:
    """Each column as offsets from its first value (0), deltas (1) or deltas of deltas (2), whichever is smallest."""
    rows, count = columns.shape
    if not rows or not count:
        return b""
    first = columns[:1]
    deltas = np.diff(columns, axis=0, prepend=first)
    ways = (columns - first, deltas, np.diff(deltas, axis=0, prepend=deltas[:1]))
    coded = np.stack([_zigzag(way) for way in ways])
    cost = np.log2(coded.astype(np.float64) + 1.0).sum(axis=1)
    way = np.argmin(cost, axis=0).astype(np.uint8)
    chosen = coded[way, :, np.arange(count)].T
    widths = _byte_widths(chosen.max(axis=0))
    return b"".join((way.tobytes(), first.astype("<i8").tobytes(), widths.tobytes(), _planes(chosen, widths)))


def _decode_integers(reader: _Reader, rows: int, count: int) -> Int64:
    if not rows or not count:
        return np.zeros((rows, count), np.int64)
    way = np.frombuffer(reader.take(count), np.uint8)
    first = np.frombuffer(reader.take(8 * count), "<i8")
    widths = np.frombuffer(reader.take(count), np.uint8)
    columns = _unzigzag(_unplanes(reader, rows, widths))
    twice = way == 2  # noqa: PLR2004 (deltas of deltas)
    columns[:, twice] = np.cumsum(columns[:, twice], axis=0)
    summed = way != 0
    columns[:, summed] = np.cumsum(columns[:, summed], axis=0)
    return np.asarray(columns + first, np.int64)


def _zigzag(signed: Int64) -> UInt64:
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _unzigzag(coded: UInt64) -> Int64:
    half, sign = (coded >> np.uint64(1)).view(np.int64), (coded & np.uint64(1)).view(np.int64)
    return np.asarray(half ^ -sign, np.int64)


def _byte_widths(largest: UInt64) -> npt.NDArray[np.uint8]:
    """How many bytes each value takes, 0 to 8."""
    widths = np.zeros(largest.shape, np.uint8)
    for byte in range(8):
        widths += largest >= np.uint64(1 << 8 * byte)
    return widths


def _planes(columns: UInt64, widths: npt.NDArray[np.uint8]) -> bytes:
    """The low bytes of all columns, then their next bytes, as far as each column's width goes; column after column."""
    each = np.ascontiguousarray(columns.T.astype("<u8")).view(np.uint8).reshape(columns.shape[1], columns.shape[0], 8)
    return b"".join(each[widths > byte, :, byte].tobytes() for byte in range(8))


def _unplanes(reader: _Reader, rows: int, widths: npt.NDArray[np.uint8]) -> UInt64:
    each = np.zeros((len(widths), rows, 8), np.uint8)
    for byte in range(8):
        wide = widths > byte
        count = int(wide.sum())
        each[wide, :, byte] = np.frombuffer(reader.take(count * rows), np.uint8).reshape(count, rows)
    return np.ascontiguousarray(each.view("<u8")[:, :, 0].T)
