"""Log lines: blocks as they came, compressed, and rows of warnings and worse. Both live in partitions of a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import zstandard
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import LOG_BLOCK_BYTES_MAX
from sereno_proto.v1.link_pb2 import LogBlock
from sereno_server.store.partitions import LOG_BLOCKS, LOG_LINES, ensure
from sereno_server.store.tables import log_blocks, log_lines

WARNING = 4  # this and worse have rows of their own
LEVEL = 6
_BODY_BYTES_MAX = 4 * LOG_BLOCK_BYTES_MAX


@dataclass(frozen=True)
class Said:
    """One block to be stored: who sent it under which sequence, and its lines within their bounds."""

    organisation_id: str
    device_id: str
    epoch: bytes
    sequence: int
    made_ms: int
    block: LogBlock


async def append(tx: AsyncConnection, said: Said, day: date) -> None:
    """Stores one block under the day of its arrival."""
    await ensure(tx, (LOG_BLOCKS, LOG_LINES), day)
    lines = said.block.lines
    of = {
        "organisation_id": said.organisation_id,
        "device_id": said.device_id,
        "day": day,
        "epoch": said.epoch,
        "sequence": said.sequence,
        "source": said.block.source,
    }
    times = [line.time_ms for line in lines] or [said.made_ms]
    await tx.execute(
        insert(log_blocks).values(
            **of,
            first_ms=min(times),
            last_ms=max(times),
            lines=len(lines),
            worst=min((line.severity for line in lines), default=7),
            withheld=said.block.withheld,
            redacted=said.block.redacted,
            payload=packed(said.block),
        )
    )
    rows = [
        {
            **of,
            "place": place,
            "at_ms": line.time_ms,
            "severity": line.severity,
            "origin": line.origin,
            "text": line.text,
        }
        for place, line in enumerate(lines)
        if line.severity <= WARNING
    ]
    if rows:
        await tx.execute(insert(log_lines), rows)


def packed(block: LogBlock) -> bytes:
    """The block's lines, compressed."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(block.SerializeToString())


def unpacked(payloads: Sequence[bytes]) -> list[LogBlock]:
    """The blocks again. Raises ValueError when one is damaged."""
    decompressor = zstandard.ZstdDecompressor()
    try:
        return [
            LogBlock.FromString(decompressor.decompress(payload, max_output_size=_BODY_BYTES_MAX))
            for payload in payloads
        ]
    except zstandard.ZstdError as error:
        raise ValueError("a damaged block of log lines") from error
