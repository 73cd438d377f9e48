"""SSH wire format (RFC 4251 section 5): length-prefixed strings and numbers, read to the last byte."""

import re
from typing import Final

from sereno_proto.errors import BadInput

_NOT_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e]")


class Reader:
    """Takes fields off a blob; anything too short, or left over at `end`, raises with the given code."""

    def __init__(self, blob: bytes, code: str) -> None:
        self._blob = blob
        self._position = 0
        self._code = code

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        if count > len(self._blob) - self._position:
            raise BadInput(self._code, "a field is cut short")
        start, self._position = self._position, self._position + count
        return self._blob[start : self._position]

    def byte(self) -> int:
        """One byte as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Four bytes, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A length and so many bytes."""
        return self.take(self.uint32())

    def text(self) -> str:
        """A string of printable ASCII, as all names in this format are."""
        raw = self.string()
        if _NOT_PRINTABLE.search(raw):
            raise BadInput(self._code, "a name is not printable ASCII")
        return raw.decode("ascii")

    def mpint(self) -> int:
        """A positive number in its shortest form."""
        raw = self.string()
        number = int.from_bytes(raw, "big")
        if not raw or raw[0] & 0x80 or mpint(number) != string(raw):
            raise BadInput(self._code, "a number is not positive or not in its shortest form")
        return number

    def end(self) -> None:
        """Refuses bytes that nobody read."""
        if self._position != len(self._blob):
            raise BadInput(self._code, f"{len(self._blob) - self._position} bytes are left over")


def string(content: bytes) -> bytes:
    """A length and the bytes."""
    return len(content).to_bytes(4, "big") + content


def mpint(number: int) -> bytes:
    """A number >= 0 as a string, with a leading zero byte where its first bit is set."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")
