"""The block: all samples of a device and an hour, compressed without loss. Pure functions over arrays.

Series that were measured together form a matrix with one time column. Each column is scaled to integers where a power
of ten makes it so exactly, then written as offsets or deltas, whichever is smaller: less their median, divided by what
divides them all (pages of 4096 bytes), and cut into a low part that is noise and a high part of about a byte. Parts of
the same nature of all columns lie together, each in a zstd frame of its own, so that each is coded by its own
statistics. Other columns keep their bits, each XORed with the one before. Every finite f64 comes back bit for bit.
"""

import itertools
import math
import struct
import threading
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import zstandard

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

VERSION = 2
LEVEL = 9
EXPONENTS = (0, 1, 2, 3, 4, 6)
PARTS = 5  # heads, whole values, high parts, what is above a byte, low parts
FACTOR_MAX = 1 << 62  # beyond it differences may have wrapped
RAW = 255  # the exponent of a column that keeps its bits
EXACT_MAX = float(1 << 53)  # integers up to here are exact in f64
BODY_BYTES_MAX = 256 << 20
_COUNTS = struct.Struct("<II")
_LENGTHS = struct.Struct(f"<{PARTS}I")


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
    parts = _Parts(*(bytearray() for _ in range(PARTS)))
    for matrix in matrices:
        rows, columns = matrix.values.shape
        parts.heads.extend(_COUNTS.pack(rows, columns))
        parts.heads.extend(_across(np.diff(np.asarray(matrix.series, np.int64), prepend=0).astype("<i8")))
        _encode_integers(parts, matrix.times.reshape(rows, 1))
        _encode_values(parts, np.ascontiguousarray(matrix.values, dtype=np.float64))
    compress = zstandard.ZstdCompressor(level=LEVEL).compress
    frames = [compress(bytes(part)) for part in parts]
    return bytes([VERSION]) + _LENGTHS.pack(*(len(frame) for frame in frames)) + b"".join(frames)


def decode(block: bytes, wanted: AbstractSet[int] | None = None) -> list[Matrix]:
    """The matrices of a block, with the columns of the wanted series or (None) of all.

    A matrix without any of them is there with no column. Raises ValueError when it is no block.
    """
    if len(block) < 1 + _LENGTHS.size or block[0] != VERSION:
        raise ValueError("not a block of version 2")
    ends = list(itertools.accumulate(_LENGTHS.unpack_from(block, 1), initial=1 + _LENGTHS.size))
    if ends[-1] != len(block):
        raise ValueError("a block cut short")
    decompress = _decompressor().decompress
    try:
        parts = _Parts(
            *(
                _Reader(decompress(block[start:end], max_output_size=BODY_BYTES_MAX))
                for start, end in itertools.pairwise(ends)
            )
        )
        matrices: list[Matrix] = []
        while parts.heads.left:
            rows, columns = _COUNTS.unpack(parts.heads.take(_COUNTS.size))
            series = np.cumsum(_uncross(parts.heads, columns)[0]).tolist()
            keep = None if wanted is None else np.array([one in wanted for one in series], np.bool_)
            times = _decode_integers(parts, rows, 1, None)[0]
            values = _decode_values(parts, rows, columns, keep)
            kept = series if keep is None else itertools.compress(series, keep)
            matrices.append(Matrix(tuple(kept), times, values.T))
    except zstandard.ZstdError as error:
        raise ValueError("a damaged block") from error
    return matrices


_own = threading.local()  # contexts cost more to make than a frame to read, and are for one thread each


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_own, "decompressor"):
        _own.decompressor = zstandard.ZstdDecompressor()
    made: zstandard.ZstdDecompressor = _own.decompressor
    return made


T = TypeVar("T")


class _Parts(NamedTuple, Generic[T]):
    """What is coded together. Byte arrays while a block is made, readers while it is read."""

    heads: T
    whole: T
    high: T
    above: T
    low: T


class _Reader:
    """Takes bytes from the front of a part."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self.left = len(body)

    def take(self, count: int) -> memoryview:
        start = len(self._body) - self.left
        if count > self.left:
            raise ValueError("a block cut short")
        self.left -= count
        return self._body[start : start + count]

    def array(self, *shape: int) -> npt.NDArray[np.uint8]:
        """So many bytes as an array of this shape."""
        return np.frombuffer(self.take(math.prod(shape)), np.uint8).reshape(shape)


def _encode_values(parts: "_Parts[bytearray]", values: Float64) -> None:
    rows, columns = values.shape
    exponents, integers = _scaled(values)
    whole = exponents != RAW
    parts.heads.extend(exponents.tobytes())
    _encode_integers(parts, integers[:, whole])
    bits = np.ascontiguousarray(values[:, ~whole]).view(np.uint64).reshape(rows, columns - int(whole.sum()))
    bits[1:] ^= bits[:-1].copy()
    each = np.ascontiguousarray(bits.T.astype("<u8")).view(np.uint8).reshape(bits.shape[1], rows, 8)
    parts.above.extend(np.moveaxis(each, 2, 0).tobytes())


def _decode_values(parts: "_Parts[_Reader]", rows: int, columns: int, keep: Mask | None) -> Float64:
    """Series by series, as they are read: columns x rows, only those to keep."""
    exponents = parts.heads.array(columns)
    whole = exponents != RAW
    count = int(whole.sum())
    integers = _decode_integers(parts, rows, count, None if keep is None else keep[whole])
    left = columns - count
    planes = parts.above.array(8, left, rows)
    if keep is not None:
        planes, exponents, whole = planes[:, keep[~whole]], exponents[keep], whole[keep]
    decimal = np.flatnonzero(whole & (exponents > 0))
    if planes.shape[1]:
        values = np.empty((exponents.size, rows), np.float64)
        values[whole] = integers
        each = np.ascontiguousarray(np.moveaxis(planes, 0, 2))
        values[~whole] = np.bitwise_xor.accumulate(each.view("<u8")[:, :, 0], axis=1).view(np.float64)
    else:
        values = integers.astype(np.float64)
    if decimal.size:
        values[decimal] /= np.power(10.0, exponents[decimal])[:, None]
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


def _encode_integers(parts: "_Parts[bytearray]", columns: Int64) -> None:
    """Each column as offsets from its first value (0) or as deltas (1), whichever is smaller."""
    rows, count = columns.shape
    if not rows or not count:
        return
    reduced = [_reduced(way) for way in (columns - columns[:1], np.diff(columns, axis=0, prepend=columns[:1]))]
    coded = np.stack([one[0] for one in reduced])
    way = np.argmin(np.log2(coded.astype(np.float64) + 1.0).sum(axis=1), axis=0).astype(np.uint8)
    at = np.arange(count)
    chosen = coded[way, :, at].T
    bases, factors = (np.stack([one[n] for one in reduced])[way, at] for n in (1, 2))
    usual = np.partition(chosen, rows // 2, axis=0)[rows // 2]
    low_bits = (np.maximum(_bit_lengths(usual).astype(np.int64) - 3, 0) // 4 * 4).astype(np.uint8)
    high = chosen >> low_bits.astype(np.uint64)
    widths = (_bit_lengths(high.max(axis=0)) + 7) // 8
    for head in (way, low_bits, widths.astype(np.uint8)):
        parts.heads.extend(head.tobytes())
    for head in (columns[0], bases, factors):
        parts.heads.extend(_across(head))
    each = np.ascontiguousarray(high.T.astype("<u8")).view(np.uint8).reshape(count, rows, 8)
    parts.whole.extend(each[(low_bits == 0) & (widths > 0), :, 0].tobytes())
    parts.high.extend(each[(low_bits > 0) & (widths > 0), :, 0].tobytes())
    for byte in range(1, 8):
        parts.above.extend(each[widths > byte, :, byte].tobytes())
    even = np.zeros((rows + rows % 2, count), np.uint64)
    even[:rows] = chosen
    for bit in range(0, int(low_bits.max()), 4):
        nibbles = ((even[:, low_bits > bit] >> np.uint64(bit)) & np.uint64(15)).astype(np.uint8).T
        parts.low.extend((nibbles[:, 0::2] | nibbles[:, 1::2] << 4).tobytes())


def _decode_integers(parts: "_Parts[_Reader]", rows: int, count: int, keep: Mask | None) -> Int64:
    """Columns x rows, only those to keep."""
    if not rows or not count:
        return np.zeros((count if keep is None else int(keep.sum()), rows), np.int64)
    way, low_bits, widths = parts.heads.array(3, count)
    first, bases, factors = _uncross(parts.heads, 3 * count, 3)
    if keep is None:
        keep = np.ones(count, np.bool_)
    summed, first, bases, factors = way[keep] == 1, first[keep], bases[keep], factors[keep]
    if not widths.any() and not low_bits.any():  # as times are, and all that is constant or grows evenly
        steps = np.arange(rows)
        even: Int64 = first[:, None] + bases[:, None] * np.where(summed[:, None], steps, np.minimum(steps, 1))
        return even
    columns = _unzigzag(_decode_coded(parts, rows, (low_bits, widths), keep))
    if (factors != 1).any():
        columns *= factors[:, None]
    columns += bases[:, None]
    columns[:, 0] = first  # what sums begin with, and what offsets are from
    if summed.all():
        return np.cumsum(columns, axis=1, out=columns)
    columns[summed] = np.cumsum(columns[summed], axis=1)
    columns[~summed, 1:] += first[~summed, None]
    return columns


def _decode_coded(
    parts: "_Parts[_Reader]", rows: int, sizes: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], keep: Mask
) -> UInt64:
    """What the parts hold of the columns to keep. sizes: how many low bits, and bytes above, each column has."""
    low_bits, widths = sizes
    coded = np.zeros((int(np.count_nonzero(keep)), rows), np.uint64)
    some, fine = widths > 0, low_bits > 0
    _add_planes(coded, parts.whole, some & ~fine, keep, 0)
    _add_planes(coded, parts.high, some & fine, keep, 0)
    for byte in range(1, int(widths.max())):
        _add_planes(coded, parts.above, widths > byte, keep, 8 * byte)
    if fine.any():
        coded <<= low_bits[keep].astype(np.uint64)[:, None]
        for bit in range(0, int(low_bits.max()), 4):
            _add_nibbles(coded, parts.low, low_bits > bit, keep, bit)
    return coded


def _add_planes(coded: UInt64, part: _Reader, here: Mask, keep: Mask, shift: int) -> None:
    """Takes a byte of each value of the columns that are here, and adds it to those that are kept."""
    rows = coded.shape[1]
    plane = part.array(int(np.count_nonzero(here)), rows)
    if len(coded) < keep.size:
        plane, here = plane[keep[here]], here[keep]
    if shift:
        coded[here] |= plane.astype(np.uint64) << np.uint64(shift)
    else:
        coded[here] = plane


def _add_nibbles(coded: UInt64, part: _Reader, here: Mask, keep: Mask, bit: int) -> None:
    rows = coded.shape[1]
    pairs = part.array(int(np.count_nonzero(here)), (rows + 1) // 2)
    if len(coded) < keep.size:
        pairs, here = pairs[keep[here]], here[keep]
    nibbles = np.empty((pairs.shape[0], 2 * pairs.shape[1]), np.uint64)
    np.bitwise_and(pairs, 15, out=nibbles[:, 0::2])
    np.right_shift(pairs, 4, out=nibbles[:, 1::2])
    if bit:
        nibbles <<= np.uint64(bit)
    coded[here] |= nibbles[:, :rows]


def _reduced(way: Int64) -> tuple[UInt64, Int64, Int64]:
    """Less the median, divided by what divides all: both are given back. The first row is always 0, and not counted."""
    rows = way.shape[0]
    bases = np.partition(way, rows // 2, axis=0)[rows // 2]
    rest = way - bases
    rest[0] = 0
    near = np.all((rest < FACTOR_MAX) & (rest > -FACTOR_MAX), axis=0)
    factors = np.ones_like(bases)
    factors[near] = np.maximum(np.gcd.reduce(rest[:, near], axis=0), 1)
    return _zigzag(rest // factors), bases, factors


def _across(values: Int64) -> bytes:
    """Eight-byte values as byte planes: most of their high bytes are alike."""
    return np.ascontiguousarray(values.astype("<i8")).view(np.uint8).reshape(-1, 8).T.tobytes()


def _uncross(heads: _Reader, count: int, lists: int = 1) -> Int64:
    """The values of so many lists, that many altogether: lists x values of each."""
    planes = heads.array(lists, 8, count // lists)
    return np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<i8")[:, :, 0]


def _bit_lengths(values: UInt64) -> npt.NDArray[np.uint8]:
    """How many bits each value takes, 0 to 64."""
    lengths = np.zeros(values.shape, np.uint8)
    for bit in range(64):
        lengths += values >= np.uint64(1 << bit)
    return lengths


def _zigzag(signed: Int64) -> UInt64:
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _unzigzag(coded: UInt64) -> Int64:
    """In place."""
    sign = (coded & np.uint64(1)).view(np.int64)
    np.negative(sign, out=sign)
    coded >>= np.uint64(1)
    signed = coded.view(np.int64)
    signed ^= sign
    return signed
