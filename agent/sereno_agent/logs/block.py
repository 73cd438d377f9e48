"""What one turn of reading gives: lines ready to be sent, and where reading stands after them."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from sereno_proto.limits import LOG_BLOCK_BYTES_MAX, LOG_NAME_CHARS_MAX, LOG_TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import LogBlock, LogLine

_SHORT_CHARS: Final = 200  # of each text in a block that would be too large otherwise
# Redaction sees more of a line than is sent, so that no secret is cut in two and passes for none.
_MARGIN_CHARS: Final = 256


@dataclass
class Block:
    """Lines of one source. places: what changed of where it stands, by file; None where a file is forgotten."""

    source: str
    lines: list[LogLine] = field(default_factory=list)
    withheld: int = 0
    redacted: int = 0  # of the lines, those in which a secret was replaced
    places: dict[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not self.lines and not self.withheld

    def message(self, turn: int) -> LogBlock:
        """The message with the position in it."""
        position = json.dumps([turn, self.source, self.places], separators=(",", ":")).encode()
        block = LogBlock(
            source=self.source, lines=self.lines, withheld=self.withheld, redacted=self.redacted, position=position
        )
        if block.ByteSize() > LOG_BLOCK_BYTES_MAX:
            for line in block.lines:
                line.text = line.text[:_SHORT_CHARS]
        return block


def line_of(text: str, *, time_ms: int, severity: int, origin: str = "") -> LogLine:
    """One line within its bounds."""
    if len(text) > LOG_TEXT_CHARS_MAX - _MARGIN_CHARS:
        text = text[: LOG_TEXT_CHARS_MAX - _MARGIN_CHARS] + " [cut]"
    return LogLine(time_ms=time_ms, severity=severity, text=text, origin=origin[:LOG_NAME_CHARS_MAX])
