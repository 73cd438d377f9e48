"""Messages one after the other on a pipe or in a file: a varint with the length, then the message.

Between core and executor: the core writes Command, the executor writes Up (a reply or a run event).

The core, for each run event it receives, puts it into the spool (with fsync) and then answers
Command{events_kept{plan_id, index}}; what was not answered is sent again when the next executor starts, and the server
drops what it has, by (plan_id, index).
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from google.protobuf.message import DecodeError

from sereno_proto.errors import BadInput
from sereno_proto.limits import MESSAGE_BYTES_MAX

_VARINT_BYTES_MAX: Final = 5


class Message(Protocol):
    """What protobuf messages have."""

    def SerializeToString(self) -> bytes:  # noqa: N802, protobuf's name
        """The message's bytes."""
        ...


M = TypeVar("M")


def encode(message: Message) -> bytes:
    """The message with its length before it."""
    content = message.SerializeToString()
    length, prefix = len(content), bytearray()
    while length > 0x7F:  # noqa: PLR2004, seven bits a byte
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*prefix, length]) + content


class Decoder:
    """Cuts a stream of bytes into messages, whatever pieces it arrives in."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, chunk: bytes, parse: Callable[[bytes], M]) -> list[M]:
        """The messages that are whole now; raises BadInput: E_LIMIT for one too long, E_BAD_REQUEST for none at all."""
        self._pending += chunk
        messages = []
        while (frame := self._next()) is not None:
            try:
                messages.append(parse(frame))
            except DecodeError as error:
                raise BadInput("E_BAD_REQUEST", "what came is no message") from error
        return messages

    @property
    def torn(self) -> bool:
        """Whether a part of a message is left, as after a writer that died."""
        return bool(self._pending)

    def _next(self) -> bytes | None:
        length = 0
        for position, byte in enumerate(self._pending[:_VARINT_BYTES_MAX]):
            length |= (byte & 0x7F) << 7 * position
            if byte < 0x80:  # noqa: PLR2004, the last byte of a varint
                break
        else:
            if len(self._pending) >= _VARINT_BYTES_MAX:
                raise BadInput("E_LIMIT", "a message's length cannot be read")
            return None
        if length > MESSAGE_BYTES_MAX:
            raise BadInput("E_LIMIT", f"a message of {length} bytes")
        start = position + 1
        if len(self._pending) < start + length:
            return None
        frame = bytes(self._pending[start : start + length])
        del self._pending[: start + length]
        return frame
