"""Log blocks: lines within their bounds, stored compressed, warnings and worse also as rows."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import LOG_BLOCK_LINES_MAX, LOG_NAME_CHARS_MAX, LOG_TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import LogBlock, LogLine, Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import MS_MAX, clipped, problem
from sereno_server.store.events import Event, emit
from sereno_server.store.logs import Said, append

WITHHELD_MAX = 1 << 60
SEVERITY_MAX = 7


async def store_logs(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Stores one block; lines beyond the limit are refused, the others kept."""
    given = up.logs
    problems: list[Problem] = []
    if len(given.lines) > LOG_BLOCK_LINES_MAX:
        what = f"a block has at most {LOG_BLOCK_LINES_MAX} lines, this one {len(given.lines)}"
        problems.append(problem("E_LIMIT", what))
    block = LogBlock(
        source=clipped(given.source, LOG_NAME_CHARS_MAX),
        lines=[_bounded(line) for line in given.lines[:LOG_BLOCK_LINES_MAX]],
        withheld=min(given.withheld, WITHHELD_MAX),
        redacted=min(given.redacted, len(given.lines)),
    )
    made_ms = min(max(up.made_ms, 0), MS_MAX)
    said = Said(device.organisation_id, device.id, up.epoch, up.sequence, made_ms, block)
    await append(tx, said, datetime.now(UTC).date())
    await emit(tx, Event("log", device.organisation_id, device.id, device.id))
    return problems


def _bounded(line: LogLine) -> LogLine:
    return LogLine(
        time_ms=min(max(line.time_ms, 0), MS_MAX),
        severity=min(line.severity, SEVERITY_MAX),
        text=clipped(line.text, LOG_TEXT_CHARS_MAX),
        origin=clipped(line.origin, LOG_NAME_CHARS_MAX),
    )
