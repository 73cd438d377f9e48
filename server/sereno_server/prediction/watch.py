"""Feeds stored samples to the predictor: which row belongs to which series, and what was already seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sereno_server.prediction.columns import Floats
from sereno_server.prediction.exhaustion import Exhaustion

GROW_ROWS = 256
THIN_AFTER_S = 86_400.0  # when the past is read anew, what is older than this is thinned
THIN_STEP_S = 900.0

KEY_COLUMNS = ("devices", "device", "series")

Int64 = NDArray[np.int64]
Kept = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Key:
    """A watched series."""

    organisation_id: str
    device_id: str
    series_id: int


@dataclass(frozen=True)
class Stretch:
    """New samples of one series, in order of time. at: epoch seconds by the device's clock."""

    key: Key
    at: Floats
    value: Floats
    capacity: Floats


@dataclass(frozen=True)
class Outlook:
    """What is said of one series now. Times are epoch seconds by the device's clock; None = not known."""

    at: float
    value: float
    capacity: float
    open: bool
    full_at: float | None
    low: float | None
    high: float | None
    onset: float | None
    growth_per_s: float
    confidence: float


class Watch:
    """All watched series and the predictor's state."""

    def __init__(self) -> None:
        self.engine = Exhaustion(GROW_ROWS)
        self.rows: dict[Key, int] = {}
        self.newest: dict[Key, tuple[float, float, float]] = {}

    def feed(self, stretches: Iterable[Stretch]) -> None:
        """Takes new samples; those not newer than what was seen of a series are left out (late batches never warn)."""
        fresh = [part for part in map(self._newer, stretches) if len(part.at)]
        if not fresh:
            return
        rows = np.array([self._row(part.key) for part in fresh], np.intp)
        lengths = np.array([len(part.at) for part in fresh])
        order = np.argsort(-lengths, kind="stable")
        fresh, rows, lengths = [fresh[place] for place in order], rows[order], lengths[order]
        for step in range(int(lengths[0])):
            count = int(np.searchsorted(-lengths, -step, side="left"))
            at, value, capacity = (
                np.array([getattr(part, name)[step] for part in fresh[:count]]) for name in ("at", "value", "capacity")
            )
            self.engine.observe(rows[:count], at, value, capacity)
        for part in fresh:
            self.newest[part.key] = (float(part.at[-1]), float(part.value[-1]), float(part.capacity[-1]))

    def _newer(self, part: Stretch) -> Stretch:
        seen = self.newest.get(part.key)
        if seen is None:
            return part
        new = part.at > seen[0]
        return part if new.all() else Stretch(part.key, part.at[new], part.value[new], part.capacity[new])

    def _row(self, key: Key) -> int:
        row = self.rows.setdefault(key, len(self.rows))
        if row >= self.engine.size:
            for part in self.engine.parts():
                part.grow(part.size * 2)
        return row

    def dump(self) -> Kept:
        """Everything that was learned, to keep it."""
        kept = {f"key.{name}": column for name, column in key_columns(list(self.rows)).items()}
        kept["newest"] = np.array([self.newest[key] for key in self.rows]).reshape(-1, 3)
        for place, part in enumerate(self.engine.parts()):
            kept |= {f"{place}.{name}": column for name, column in part.dump(len(self.rows)).items()}
        return kept

    def load(self, kept: Kept) -> None:
        """Takes over what `dump` gave. Raises KeyError or ValueError when it is of another version."""
        keys = keys_of({name: kept[f"key.{name}"] for name in KEY_COLUMNS})
        newest = kept["newest"]
        for place, part in enumerate(self.engine.parts()):
            part.load({name: kept[f"{place}.{name}"] for name in part.dump(0)})
            part.grow(len(keys) + GROW_ROWS)
        self.rows = {key: row for row, key in enumerate(keys)}
        self.newest = {
            key: (float(at), float(value), float(cap)) for key, (at, value, cap) in zip(keys, newest, strict=True)
        }

    def forget(self, key: Key) -> None:
        """Starts this series anew: its past was cut off by a run, so it is no measure of what is usual."""
        row = self.rows.get(key)
        if row is not None:
            for part in self.engine.parts():
                part.forget(np.array([row]))

    def outlook(self, key: Key) -> Outlook | None:
        """What is said of this series now, or None while nothing was received."""
        if key not in self.newest:
            return None
        at, value, capacity = self.newest[key]
        said = self.engine.answer(np.array([self.rows[key]]))

        def known(figures: Floats) -> float | None:
            return float(figures[0]) if np.isfinite(figures[0]) else None

        return Outlook(
            at,
            value,
            capacity,
            bool(said.open[0]),
            known(said.full_at),
            known(said.low),
            known(said.high),
            known(said.onset),
            float(said.growth[0]),
            float(said.confidence[0]),
        )

    def said(self) -> list[Key]:
        """The series of which something is said now."""
        is_open = self.engine.open
        return [key for key, row in self.rows.items() if is_open[row]]


def key_columns(keys: Sequence[Key]) -> Kept:
    """Keys as columns; a device is named once."""
    devices = {(key.organisation_id, key.device_id): 0 for key in keys}
    place = {device: number for number, device in enumerate(devices)}
    return {
        "devices": np.array(list(devices), dtype=np.str_).reshape(-1, 2),
        "device": np.array([place[key.organisation_id, key.device_id] for key in keys], np.int32),
        "series": np.array([key.series_id for key in keys], np.int64),
    }


def keys_of(columns: Kept) -> list[Key]:
    """The keys that `key_columns` was given."""
    names = [(str(organisation), str(device)) for organisation, device in columns["devices"]]
    return [
        Key(*names[int(device)], int(series))
        for device, series in zip(columns["device"], columns["series"], strict=True)
    ]


def join(key: Key, used: tuple[Int64, Floats], limit: tuple[Int64, Floats]) -> Stretch:
    """Puts to every value the limit that held then (the first known one before that)."""
    place = np.maximum(np.searchsorted(limit[0], used[0], side="right") - 1, 0)
    return Stretch(key, used[0] / 1000.0, used[1], limit[1][place])


def thin(part: Stretch, now: float) -> Stretch:
    """Keeps the last day as it is and one sample every quarter of an hour of what is older."""
    slot = np.floor(part.at / THIN_STEP_S)
    keep = part.at >= now - THIN_AFTER_S
    keep |= np.concatenate([slot[1:] != slot[:-1], [True]]) if len(slot) else keep
    return Stretch(part.key, part.at[keep], part.value[keep], part.capacity[keep])
