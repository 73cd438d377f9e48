"""The systemd journal: `journalctl -o json --follow`, read without waiting; its cursor is the position."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any, Final

from sereno_agent.logs.block import Block, line_of
from sereno_agent.logs.content import NOT_TEXT
from sereno_agent.logs.rate import Rate
from sereno_agent.policy_logs import JOURNAL, PRIORITIES, JournalSource
from sereno_agent.redact import Redact, continued
from sereno_proto.limits import LOG_BLOCK_LINES_MAX
from sereno_proto.v1.link_pb2 import LogLine

READ_BYTES: Final = 128 * 1024
ENTRY_BYTES_MAX: Final = 1 << 20  # a longer entry is left out, counted as withheld
AGAIN_S_MAX: Final = 300.0
_FIELDS: Final = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID,_SYSTEMD_UNIT,_COMM"
_INFORMATION: Final = 6


class JournalReader:
    """Follows the journal through a child process, which ends with this one: its pipe breaks."""

    def __init__(
        self,
        source: JournalSource,
        known: dict[str, Any] | None,
        redact: Redact,
        *,
        command: tuple[str, ...] = ("journalctl",),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = JOURNAL
        self.notices: list[str] = []
        self.more = False
        self._source = source
        self._redact = redact
        self._command = command
        self._clock = clock
        self._cursor = str((known or {}).get("cursor", ""))  # committed
        self._next_cursor = self._cursor
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._again_at = 0.0
        self._failed = 0
        self._key_lines = 0
        self._rate = Rate(source.lines_per_minute, clock())

    def turn(self) -> Block:
        """Reads what the child has written. A block that is not committed is read again by another child."""
        now = self._clock()
        self._rate.fill(now)
        block = Block(self.name)
        if self._next_cursor != self._cursor:
            self.close()  # the last block was not kept
        if self._process is None and not self._start(now):
            return block
        assert self._process is not None
        assert self._process.stdout is not None
        data = _read(self._process.stdout.fileno())
        self.more = data is not None and len(data) == READ_BYTES
        if data == b"":
            self._ended(now)
            return block
        *entries, self._rest = (self._rest + (data or b"")).split(b"\n")
        if len(self._rest) > ENTRY_BYTES_MAX:
            self._rest = b"{"  # no valid entry comes of it
        for entry in entries:
            self._take(block, entry)
        if self._next_cursor != self._cursor:
            self._failed = 0
            block.places = {"cursor": self._next_cursor}
        return block

    def committed(self) -> None:
        """The cursor is safe."""
        self._cursor = self._next_cursor

    def close(self) -> None:
        """Ends the child."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._rest, self._next_cursor = b"", self._cursor

    def arguments(self) -> list[str]:
        """The command line."""
        arguments = [*self._command, "-o", "json", "--follow", "--quiet", f"--output-fields={_FIELDS}"]
        arguments += ["--all", f"--priority={self._source.priority}"]
        arguments += [f"--unit={unit}" for unit in self._source.units]
        if self._cursor:
            return [*arguments, "--no-tail", f"--after-cursor={self._cursor}"]
        return [*arguments, "--lines=1"]  # one old entry, so that there is a cursor from the first moment

    def _start(self, now: float) -> bool:
        if now < self._again_at:
            return False
        try:
            self._process = subprocess.Popen(
                self.arguments(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
            )
        except OSError as error:
            self.notices.append(f"{self._command[0]}: {error.strerror or error}")
            self._wait_longer(now)
            return False
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        return True

    def _ended(self, now: float) -> None:
        assert self._process is not None
        self.close()
        self.notices.append(f"{self._command[0]} ended; it is started again")
        self._wait_longer(now)

    def _wait_longer(self, now: float) -> None:
        self._again_at = now + min(AGAIN_S_MAX, 2.0**self._failed)
        self._failed = min(self._failed + 1, 10)

    def _take(self, block: Block, entry: bytes) -> None:
        if not entry:
            return
        try:
            fields = json.loads(entry)
            cursor = str(fields["__CURSOR"])
        except (ValueError, KeyError, TypeError):
            block.withheld += 1
            return
        self._next_cursor = cursor
        line = line_from(fields)
        if line is None:
            return
        whole = line.text
        line.text, self._key_lines = continued(whole, self._redact, self._key_lines)
        if len(block.lines) < LOG_BLOCK_LINES_MAX and self._rate.lets(line.severity):
            block.lines.append(line)
            block.redacted += line.text != whole
        else:
            block.withheld += 1


def line_from(fields: dict[str, Any]) -> LogLine | None:
    """One entry of `journalctl -o json` as a line; None when it says nothing."""
    message = fields.get("MESSAGE")
    if isinstance(message, list):  # bytes that are not UTF-8, or the same field several times
        message = _from_list(message)
    if not isinstance(message, str) or not message.strip():
        return None
    program = str(fields.get("SYSLOG_IDENTIFIER") or fields.get("_COMM") or "")
    pid = str(fields.get("_PID") or "")
    said_by = f"{program}[{pid}]: " if program and pid else f"{program}: " if program else ""
    priority = str(fields.get("PRIORITY", ""))
    return line_of(
        said_by + NOT_TEXT.sub("", message).rstrip(),
        time_ms=_microseconds(fields.get("__REALTIME_TIMESTAMP")) // 1000,
        severity=int(priority) if priority.isdigit() and int(priority) < len(PRIORITIES) else _INFORMATION,
        origin=str(fields.get("_SYSTEMD_UNIT") or program),
    )


def _from_list(values: list[Any]) -> str:
    if all(isinstance(value, int) and 0 <= value < 256 for value in values):  # noqa: PLR2004, bytes
        return bytes(values).decode("utf-8", "replace")
    return "\n".join(str(value) for value in values)


def _microseconds(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _read(fd: int) -> bytes | None:
    """What is there, at most READ_BYTES; b"" at the end, None when nothing is there now."""
    parts: list[bytes] = []
    size = 0
    while size < READ_BYTES:
        try:
            data = os.read(fd, READ_BYTES - size)
        except BlockingIOError:
            break
        if not data:
            return b"".join(parts) if parts else b""
        parts.append(data)
        size += len(data)
    return b"".join(parts) if parts else None
