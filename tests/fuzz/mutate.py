"""Bends inputs: bytes and lines flipped, cut, repeated, moved, spliced with others, or replaced by nasty words."""

import random
from typing import Final

BYTES_MAX: Final = 20_000
WORDS: Final = (
    *(
        b"",
        b" ",
        b"\n",
        b"\r\n",
        b"\0",
        b"\x1b[2J",
        b"\\",
        b"\\n",
        b"\\u{0}",
        b"\\u{202e}",
        b"\\u{10ffff}",
        b"\\u{110000}",
    ),
    *(
        b"\\u{d800}",
        b"\xff",
        b"\xc2\x9b",
        "\u202e".encode(),
        "\ufeff".encode(),
        "٣".encode(),
        b"-1",
        b"0",
        b"00",
        b"1e9",
    ),
    *(
        b"nan",
        b"inf",
        b"99999999999999999999",
        b"../..",
        b"/etc/passwd",
        b"--help",
        b": ",
        b"=",
        b"==",
        b"sereno plan v1\n",
    ),
    *(
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\x7f\xff\xff\xff",
        b"{",
        b"}",
        b"[" * 2000,
        b"a" * 5000,
        b"*a ",
        b"&a ",
        b"!!python/name:os ",
    ),
    *(b"password=", b"-----BEGIN RSA PRIVATE KEY-----", b"4111 1111 1111 1111", b"eyJ", b"://a:b@"),
)


def mutate(data: bytes, other: bytes, words: tuple[bytes, ...], chance: random.Random) -> bytes:
    """One to four changes; `other` is a second input to splice with."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        data = chance.choice(_WAYS)(data, other, words, chance)
    return data[:BYTES_MAX]


def _flip(data: bytes, _: bytes, __: tuple[bytes, ...], chance: random.Random) -> bytes:
    if not data:
        return b"x"
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _byte(data: bytes, _: bytes, __: tuple[bytes, ...], chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + bytes([chance.randrange(256)]) + data[place + chance.randrange(2) :]


def _cut(data: bytes, _: bytes, __: tuple[bytes, ...], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randrange(1, 40) :]


def _repeat(data: bytes, _: bytes, __: tuple[bytes, ...], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.randrange(1, 60)]
    return data[:start] + part * chance.choice((1, 2, 20)) + data[start:]


def _splice(data: bytes, other: bytes, _: tuple[bytes, ...], chance: random.Random) -> bytes:
    start = chance.randrange(len(other) + 1)
    place = chance.randrange(len(data) + 1)
    part = other[start : start + chance.randrange(1, 200)]
    return data[:place] + part + data[place + chance.choice((0, len(part))) :]


def _word(data: bytes, _: bytes, words: tuple[bytes, ...], chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    word = chance.choice(WORDS + words)
    return data[:place] + word + data[place + chance.choice((0, 0, len(word))) :]


def _lines(data: bytes, other: bytes, _: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Lines dropped, doubled, exchanged, or taken from the other input."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return other
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        del lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    elif kind == 2:
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines.insert(first, chance.choice(other.splitlines(keepends=True) or [b"\n"]))
    return b"".join(lines)


def _value(data: bytes, _: bytes, words: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Another value behind a line's first separator."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return b": "
    number = chance.randrange(len(lines))
    key, separator, _rest = lines[number].partition(chance.choice((b": ", b" = ", b"=")))
    lines[number] = key + separator + chance.choice(WORDS + words) + b"\n"
    return b"".join(lines)


_WAYS: Final = (_flip, _flip, _byte, _cut, _repeat, _splice, _word, _word, _lines, _lines, _value)
