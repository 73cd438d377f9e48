"""The device's own ledger: one JSON line for every remote act and refusal, each holding the digest of the one before.

Whoever changes, removes or inserts a line breaks the chain, except a local root who writes all of it anew: the head's
digest travels to the server with every status, so that such a rewrite shows there.
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sereno_proto.errors import BadInput
from sereno_proto.ids import sha256
from sereno_proto.limits import LEDGER_OBJECT_CHARS_MAX, LEDGER_ROW_BYTES_MAX, LEDGER_WHAT_CHARS_MAX

GENESIS: Final = "sha256:" + "0" * 64  # what the first row names as the one before it


@dataclass(frozen=True)
class Row:
    """One act: what was done or refused, to what, by whom, and how it ended."""

    number: int  # from 1
    at_ms: int  # the device's clock
    verb: str  # plan.issued, plan.refused, run.started, ...
    object: str  # the plan, roster or file it is about
    code: str  # E_... when it was refused or failed
    what: str  # one line
    detail: dict[str, str]
    previous: str
    digest: str


@dataclass(frozen=True)
class Head:
    """The end of the chain."""

    length: int = 0
    digest: str = GENESIS


class Ledger:
    """Appends rows, each on disk before `append` returns. Several processes may append; a lock orders them."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._lock = threading.Lock()

    def append(
        self, verb: str, subject: str, *, code: str = "", what: str = "", detail: Mapping[str, str] | None = None
    ) -> Row:
        """Writes one row and gives it. A torn last line, from a crash within an append, is cut off first."""
        with self._lock:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                head, end = _end(descriptor)
                row = Row(
                    number=head.length + 1,
                    at_ms=self._now_ms(),
                    verb=verb,
                    object=subject[:LEDGER_OBJECT_CHARS_MAX],
                    code=code,
                    what=what[:LEDGER_WHAT_CHARS_MAX],
                    detail=dict(detail or {}),
                    previous=head.digest,
                    digest="",
                )
                row = _sealed(row)
                line = _line(row)
                os.ftruncate(descriptor, end)
                _write_all(descriptor, line, end)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return row


def head(path: Path) -> Head:
    """The end of the chain without reading all of it; an empty head when there is no ledger."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Head()
    try:
        return _end(descriptor)[0]
    finally:
        os.close(descriptor)


def rows(path: Path) -> Iterator[Row]:
    """Every row from the first on, each checked against the one before; raises BadInput with E_LEDGER_BROKEN."""
    before = Head()
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if not line.endswith(b"\n"):
                return  # torn by a crash: it was never acknowledged, the next append cuts it off
            row = _parse(line, before.length + 1)
            if row.number != before.length + 1 or row.previous != before.digest or _sealed(row) != row:
                raise BadInput("E_LEDGER_BROKEN", f"row {before.length + 1} does not follow from the one before")
            yield row
            before = Head(row.number, row.digest)


def verify(path: Path) -> Head:
    """Reads the whole chain and gives its end; raises BadInput with E_LEDGER_BROKEN."""
    end = Head()
    for row in rows(path):
        end = Head(row.number, row.digest)
    return end


def _sealed(row: Row) -> Row:
    content = {key: value for key, value in asdict(row).items() if key != "digest"}
    digest = sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
    return Row(**{**content, "digest": digest})


def _line(row: Row) -> bytes:
    line = json.dumps(asdict(row), separators=(",", ":")).encode() + b"\n"
    if len(line) > LEDGER_ROW_BYTES_MAX:
        raise BadInput("E_LIMIT", f"a ledger row has at most {LEDGER_ROW_BYTES_MAX} bytes")
    return line


def _parse(line: bytes, number: int) -> Row:
    try:
        return Row(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise BadInput("E_LEDGER_BROKEN", f"row {number} cannot be read") from error


def _end(descriptor: int) -> tuple[Head, int]:
    """The head, and the offset behind the last whole row."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - 2 * LEDGER_ROW_BYTES_MAX)
    tail = os.pread(descriptor, size - start, start)
    whole = tail[: tail.rfind(b"\n") + 1]
    if not whole:
        if start:
            raise BadInput("E_LEDGER_BROKEN", "the last row is too long")
        return Head(), 0
    last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
    row = _parse(last, 0)
    return Head(row.number, row.digest), start + len(whole)


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
