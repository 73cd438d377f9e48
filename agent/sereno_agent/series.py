"""The dictionary of series: which number stands for which name and labels, kept so that spooled batches stay true."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sereno_agent import frames
from sereno_agent.frames import Write
from sereno_proto.limits import (
    LABEL_CHARS_MAX,
    LABELS_MAX,
    SERIES_NAME_CHARS_MAX,
    SERIES_PER_DEVICE_MAX,
    SERIES_TEXT_BYTES_MAX,
)
from sereno_proto.v1.link_pb2 import SeriesKind, SeriesName, SeriesNames

NAMES_PER_MESSAGE: Final = 1000
_GAP_AFTER_DAMAGE: Final = 1000  # ids that a damaged file may have held are never given again

Labels = tuple[tuple[str, str], ...]


def _bounded(name: str, labels: Labels) -> tuple[str, Labels]:
    """As the wire takes them: UTF-8, and not longer than the limits; a server ends the stream for less."""

    def bounded(text: str, chars_max: int) -> str:
        return text.encode("utf-8", "replace").decode()[:chars_max]

    return bounded(name, SERIES_NAME_CHARS_MAX), tuple(
        (bounded(key, LABEL_CHARS_MAX), bounded(value, LABEL_CHARS_MAX)) for key, value in labels[:LABELS_MAX]
    )


def _text_bytes(name: str, labels: Labels) -> int:
    """How long the series' text becomes: each label is quoted, and at worst each of its characters escaped."""
    return len(name.encode()) + sum(
        len(f"{key}{value}".encode()) + value.count('"') + value.count("\\") + 4 for key, value in labels
    )


class Series:
    """Gives each series its id, from 1, the same for ever."""

    def __init__(self, path: Path, write: Write = os.write, series_max: int = SERIES_PER_DEVICE_MAX) -> None:
        self._path = path
        self._write = write
        self._series_max = series_max
        self._ids: dict[tuple[str, Labels], int] = {}
        self.names: dict[int, SeriesName] = {}
        self._size = 0
        self._next = 1
        self._load()

    @property
    def last(self) -> int:
        """The highest id that may be in use."""
        return self._next - 1

    def id(self, name: str, labels: Labels, kind: SeriesKind.ValueType) -> int:
        """The id of a series; 0 when there are too many, it is too long, or the disk takes no new one."""
        found = self._ids.get((name, labels))
        if found is not None:
            return found
        given = (name, labels)
        name, labels = _bounded(name, labels)
        if (
            len(self.names) >= self._series_max
            or (name, labels) in self._ids
            or _text_bytes(name, labels) > SERIES_TEXT_BYTES_MAX
        ):
            return 0
        named = SeriesName(id=self._next, name=name, labels=dict(labels), kind=kind)
        try:
            self._append(frames.frame(named.id, named.SerializeToString()))
        except OSError:
            return 0
        self._keep(named, labels)
        self._ids[given] = named.id
        return named.id

    def messages(self, ids: Iterable[int]) -> list[SeriesNames]:
        """The names of these series, in messages of bounded size."""
        named = [self.names[series_id] for series_id in ids if series_id in self.names]
        return [
            SeriesNames(series=named[start : start + NAMES_PER_MESSAGE])
            for start in range(0, len(named), NAMES_PER_MESSAGE)
        ]

    def _keep(self, named: SeriesName, labels: Labels) -> None:
        self._ids[named.name, labels] = named.id
        self.names[named.id] = named
        self._next = max(self._next, named.id + 1)

    def _append(self, content: bytes) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A torn record of an earlier try is overwritten.
            os.lseek(fd, self._size, os.SEEK_SET)
            frames.write_all(fd, content, self._write)
            os.ftruncate(fd, self._size + len(content))
            os.fsync(fd)
        finally:
            os.close(fd)
        self._size += len(content)

    def _load(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            size = os.fstat(fd).st_size
            damaged = False
            while (found := frames.read(fd, self._size, size)) is not None:
                named = SeriesName.FromString(found.payload)
                self._keep(named, tuple(sorted(named.labels.items())))
                self._size = found.end
                damaged |= found.skipped
            if damaged or self._size < size:
                self._next += _GAP_AFTER_DAMAGE
        finally:
            os.close(fd)
