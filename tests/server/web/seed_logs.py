"""What the machine of the seeded story said in a day."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_rows import ORGANISATION, device_id

from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server.store.logs import Said, append

ORDERS = [
    (6, "GET /v1/orders/{n} 200 in {ms} ms"),
    (6, "POST /v1/orders 201 in {ms} ms"),
    (7, "cache miss key=o:{n} shard={ms} took={ms}ms"),
    (6, "GET /v1/bakeries/{n}/stock 200 in {ms} ms"),
]
FAILURE = (
    "order {n} could not be written\nTraceback (most recent call last):\n"
    '  File "/opt/orders/store.py", line 88, in write\n    self._file.write(row)\n'
    "OSError: [Errno 28] No space left on device"
)


async def said(tx: AsyncConnection, now: datetime) -> None:
    """Lines of the application and of the journal, the last of them a few seconds old."""
    sequence = 0
    for minutes in range(24 * 60, 0, -7):
        at = now - timedelta(minutes=minutes)
        lines = [_order(at, minutes * 4 + n) for n in range(4)]
        if minutes % 49 == 19:
            lines.append(_line(at, 4, f"slow query: stock of bakery {minutes} took {900 + minutes} ms", "app.log"))
        sequence += 1
        await _block(tx, now, sequence, "orders-api", lines)
    for n in range(14):
        at = now - timedelta(minutes=50 - 3.5 * n)
        sequence += 1
        await _block(tx, now, sequence, "orders-api", [_line(at, 3, FAILURE.format(n=7100 + n), "error.log")])
    for n in range(30):
        at = now - timedelta(minutes=17 * n + 2)
        text = f"sshd[{8000 + n}]: Accepted publickey for noa from 10.20.4.{n} port {50000 + n} ssh2"
        sequence += 1
        await _block(tx, now, sequence, "journal", [_line(at, 6, text, "ssh.service")])
    text = "systemd[1]: backup-share.service: Main process exited, code=exited, status=1/FAILURE password=[redacted]"
    secret = [_line(now - timedelta(minutes=31), 4, text, "init.scope")]
    await _block(tx, now, sequence + 1, "journal", secret, withheld=1840, redacted=1)


def _order(at: datetime, n: int) -> LogLine:
    severity, text = ORDERS[n % len(ORDERS)]
    return _line(at + timedelta(seconds=n % 60), severity, text.format(n=n, ms=n % 97), "app.log")


def _line(at: datetime, severity: int, text: str, origin: str) -> LogLine:
    return LogLine(time_ms=int(at.timestamp() * 1000), severity=severity, text=text, origin=origin)


async def _block(
    tx: AsyncConnection, now: datetime, sequence: int, source: str, lines: list[LogLine], **counts: int
) -> None:
    block = LogBlock(source=source, lines=lines, **counts)
    of = Said(ORGANISATION, device_id("srv-files-02"), b"e" * 16, sequence, int(now.timestamp() * 1000), block)
    await append(tx, of, now.date())
