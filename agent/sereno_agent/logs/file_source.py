"""One source of files: a turn reads what is new in them, within bounds, and gives it as a block."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

from sereno_agent.logs import content, recognise
from sereno_agent.logs.block import Block, line_of
from sereno_agent.logs.followed import RESCAN_S, Followed
from sereno_agent.logs.links import Links
from sereno_agent.logs.open_files import OpenFiles
from sereno_agent.logs.place import Key, Place, place_from
from sereno_agent.logs.rate import Rate
from sereno_agent.logs.records import Shape
from sereno_agent.policy_logs import LogSource
from sereno_agent.redact import Redact
from sereno_proto.limits import LOG_BLOCK_LINES_MAX

SETTLED_S: Final = 2.0  # after so long without news the last record of several lines is over
ROTATED_S: Final = 60.0  # how long a program may still write to a file that was rotated
BYTES_PER_TURN: Final = 256 * 1024


class FileSource:
    """Follows the files of one source. `turn` may block; it runs in a thread, one at a time."""

    def __init__(
        self,
        source: LogSource,
        known: dict[str, Any] | None,
        redact: Redact,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.source = source
        self.name = source.name
        self.notices: list[str] = []
        self._redact = redact
        self._clock = clock
        self._now_ns = now_ns
        self._links = Links(str(source.path), source.links)
        self._files = OpenFiles(self._links)
        places = None if known is None else _places(known)
        self._followed = Followed(source, places, self._files, self.notices.append, now_ns)
        self._shape = Shape(source.encoding, re.compile(source.multiline) if source.multiline else None)
        self._rate = Rate(source.lines_per_minute, clock())
        self._recogniser = recognise.Recogniser()
        self._changed: dict[Key, float] = {}  # when something was last read of a file
        self._proposed: dict[Key, Place] = {}  # places after the block under way
        self._named = "*" in str(source.path) or "[" in str(source.path) or "?" in str(source.path)
        self._rescan_at = clock()
        self.more = False  # whether there is more to read at once

    def turn(self) -> Block:
        """Reads what is new. The block's places hold once `committed`; without it the same is read again."""
        now = self._clock()
        self._proposed.clear()
        self._rate.fill(now)
        try:
            self._followed.look(now, rescan=now >= self._rescan_at)
        except OSError as error:
            self.notices.append(f"{error.filename or self.source.path}: {error.strerror or error}")
        if now >= self._rescan_at:
            self._rescan_at = now + RESCAN_S
        block = Block(self.name)
        self.more = False
        self._read_all(block, now)
        changed = {**self._followed.dirty, **self._proposed}
        block.places = {f"{key[0]}:{key[1]}": place.record() if place else None for key, place in changed.items()}
        return block

    def committed(self) -> None:
        """The last block and its places are safe."""
        self._followed.dirty.clear()
        self._followed.places.update(self._proposed)
        self._proposed.clear()

    def close(self) -> None:
        """Lets go of the files."""
        self._files.close_all()

    def _read_all(self, block: Block, now: float) -> None:
        left = BYTES_PER_TURN
        followed = self._followed
        for key in [*followed.rotated, *followed.pending]:
            if left <= 0 or len(block.lines) + block.withheld >= LOG_BLOCK_LINES_MAX:
                self.more = True
                return
            try:
                left -= self._read(block, key, now)
            except OSError as error:
                path = followed.places[key].path
                self.notices.append(f"{path}: {error.strerror or error}")
                followed.pending.discard(key)
                if key in followed.rotated:
                    followed.park(key)

    def _read(self, block: Block, key: Key, now: float) -> int:
        """Reads one file once; gives how many bytes that took."""
        followed = self._followed
        place = followed.places[key]
        fd = followed.fd(key)
        if fd is None:
            followed.drop(key)
            return 0
        rotated_at = followed.rotated.get(key)
        quiet_s = now - self._changed.get(key, rotated_at or now)
        over = rotated_at is not None and min(quiet_s, now - rotated_at) >= ROTATED_S
        settled = quiet_s >= SETTLED_S
        room = LOG_BLOCK_LINES_MAX - len(block.lines) - block.withheld
        piece = content.read(fd, place, self._shape, records_max=max(1, room), final=over, settled=settled)
        if not piece.same:
            self._truncated(place, now)
            return 0
        if piece.place is place:
            self._at_rest(key, rotated=rotated_at is not None, over=over, settled=settled, now=now)
            return 0
        self._changed[key] = now
        self._take(block, piece)
        if piece.more:
            self.more = True
        return piece.place.position - place.position

    def _at_rest(self, key: Key, *, rotated: bool, over: bool, settled: bool, now: float) -> None:
        if rotated:
            if over:
                self._followed.park(key)
        elif self._shape.begins is None or settled:
            self._followed.pending.discard(key)
            self._changed.pop(key, None)
        else:
            self._changed.setdefault(key, now)

    def _truncated(self, place: Place, now: float) -> None:
        if self._followed.live.get(place.path) == place.key:
            self._followed.truncated(place.path, place, now)
            self.more = True
        else:
            self._followed.drop(place.key)

    def _take(self, block: Block, piece: content.Piece) -> None:
        texts = piece.texts
        if self._rate.empty and not piece.place.key_lines and "PRIVATE KEY" not in "".join(texts):
            block.withheld += len(texts)  # not even looked at
            self._proposed[piece.place.key] = piece.place
            return
        whole = texts
        texts, place = content.redacted(texts, piece.place, self._redact)
        self._proposed[place.key] = place
        name = self._links.names.get(place.path) or place.path.rpartition("/")[2]
        origin = name if self._named else ""
        now_ms = self._now_ns() // 1_000_000
        for text, said in zip(texts, whole, strict=True):
            severity = recognise.severity(text)
            if self._rate.lets(severity):
                block.redacted += text != said
                at_ms = self._recogniser.time_ms(text, now_ms)
                block.lines.append(line_of(text, time_ms=at_ms, severity=severity, origin=origin))
            else:
                block.withheld += 1


def _places(known: dict[str, Any]) -> list[Place]:
    places = []
    for record in known.values():
        try:
            places.append(place_from(record))
        except (ValueError, TypeError):
            continue
    return places
