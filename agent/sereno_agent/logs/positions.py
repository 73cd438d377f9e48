"""Where reading stands in every source: a small file, and the positions that travel in the spooled blocks themselves.

A block and its position are one record of the spool, so a kill at any byte leaves both or neither. The file is written
right after the block, before anything can be acknowledged; a start takes what is newer from the spool's last records.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sereno_agent.logs.block import Block
from sereno_proto.v1.link_pb2 import LogBlock

_VERSION: Final = 1


class Positions:
    """Places by source and file. `turn` rises with every block, across restarts and epochs of the spool."""

    def __init__(self, path: Path, spooled: Iterable[LogBlock]) -> None:
        self._path = path
        self.turn = 0
        self._sources: dict[str, dict[str, Any]] = {}
        self._read()
        for block in spooled:
            with contextlib.suppress(ValueError, TypeError):
                turn, source, places = json.loads(block.position)
                if turn > self.turn:
                    self._merge(source, places)
                    self.turn = turn

    def of(self, source: str) -> dict[str, Any] | None:
        """The places of a source; None when it was never looked at."""
        return self._sources.get(source)

    def kept(self, block: Block, turn: int) -> None:
        """A block was spooled as this turn, or had places only: they are so now. Raises OSError."""
        self.turn = turn
        self._merge(block.source, block.places)
        self.save()

    def forget(self, named: Iterable[str]) -> None:
        """Sources that the policy does not name any more begin anew should they come back. Raises OSError."""
        gone = self._sources.keys() - set(named)
        for source in gone:
            del self._sources[source]
        if gone:
            self.save()

    def save(self) -> None:
        """Writes the file whole; the old one stays until the new one is on disk. Raises OSError."""
        content = json.dumps({"version": _VERSION, "turn": self.turn, "sources": self._sources}, separators=(",", ":"))
        fresh = self._path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:  # noqa: PTH123, it is open already
            file.write(content)
            file.flush()
            os.fsync(fd)
        fresh.replace(self._path)

    def _merge(self, source: str, places: dict[str, Any]) -> None:
        known = self._sources.setdefault(source, {})
        for key, record in places.items():
            if record is None:
                known.pop(key, None)
            else:
                known[key] = record

    def _read(self) -> None:
        try:
            found = json.loads(self._path.read_bytes())
            if found["version"] == _VERSION:
                self.turn, self._sources = int(found["turn"]), dict(found["sources"])
        except (OSError, ValueError, KeyError, TypeError):
            return
