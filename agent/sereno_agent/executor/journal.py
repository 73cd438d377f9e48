"""The journal of a run: its events on disk before they are sent, until the core has put them into its spool.

It also tells a run that was cut off: one whose journal has no last event when an executor starts.
"""

import os
from pathlib import Path
from typing import Final

from sereno_agent.delimited import Decoder, encode
from sereno_agent.executor import durable
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import RUN_STATE_FAILED, RUN_STATE_SUCCEEDED, RunEvent

_SUFFIX: Final = ".journal"
_LAST: Final = frozenset({RUN_STATE_SUCCEEDED, RUN_STATE_FAILED})


class Journal:
    """The events of one plan's run, numbered from 1."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.events: list[RunEvent] = []
        self._size = 0
        if path.exists():
            self._read()

    @classmethod
    def of(cls, folder: Path, plan_id: str) -> "Journal":
        """The journal of a plan, new or as it is."""
        return cls(folder / (plan_id + _SUFFIX))

    @property
    def ended(self) -> bool:
        """Whether the run's last event is in it."""
        return bool(self.events) and self.events[-1].state in _LAST

    def append(self, event: RunEvent) -> RunEvent:
        """Numbers the event and writes it durably."""
        event.index = len(self.events) + 1
        new = not self._path.exists()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(self._size)
            file.seek(self._size)
            file.write(encode(event))
            file.flush()
            os.fsync(descriptor)
            self._size = file.tell()
        if new:
            durable.sync_folder(self._path.parent)
        self.events.append(event)
        return event

    def remove(self) -> None:
        """Forgets the journal: every event is in the spool."""
        self._path.unlink(missing_ok=True)
        durable.sync_folder(self._path.parent)

    def _read(self) -> None:
        """Takes every whole event; what is torn after them was never sent and is written over."""
        content = self._path.read_bytes()
        decoder = Decoder()
        try:
            self.events = decoder.feed(content, RunEvent.FromString)
        except (SerenoError, ValueError):
            self.events = []
        self._size = sum(len(encode(event)) for event in self.events)


def journals(folder: Path) -> list[Journal]:
    """Every journal that is left, oldest first."""
    return [Journal(path) for path in sorted(folder.glob(f"pln_*{_SUFFIX}"))]
