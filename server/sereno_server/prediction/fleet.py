"""All series of all devices beside those of their siblings: which device differs now, and in what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sereno_server.prediction.columns import Rows
from sereno_server.prediction.incidents import RESETS_MIN
from sereno_server.prediction.likeness import SIBLINGS_MAX
from sereno_server.prediction.siblings import Difference, Ids, Siblings
from sereno_server.prediction.slots import SLOT_MS
from sereno_server.prediction.unusual import Device, Fresh
from sereno_server.prediction.watch import GROW_ROWS, KEY_COLUMNS, Kept, Key, key_columns, keys_of

HOLD_SLOTS: Final = 24  # after a restart nothing is said of a device: it is at work to become like its siblings again
SHOWN_MAX: Final = 12  # of a device's series, the farthest first
CLOCKS: Final = ("uptime_seconds", "boot_time_seconds", "last_shutdown_clean")  # they differ by when a device started


@dataclass(frozen=True)
class Apart:
    """A series in which a device differs from its siblings. since_ms: epoch milliseconds."""

    device: Device
    series_id: int
    text: str
    since_ms: int
    value: float
    usual: float
    distance: float
    siblings: int


class Fleet:
    """The comparison's state, and who is whose sibling."""

    def __init__(self) -> None:
        self.engine = Siblings(GROW_ROWS)
        self.rows: dict[Key, int] = {}
        self.siblings: Mapping[Device, Sequence[Device]] = {}
        self.hold_until: dict[Device, int] = {}
        self.compared = -1  # the newest slot that was compared
        self.newest = -1
        self._texts: dict[str, dict[Device, int]] = {}  # of each text, the row of each device
        self._keys: list[Key] = []

    def feed(self, fresh: Sequence[Fresh]) -> None:
        """Takes new slots, each device once."""
        rows = [self._rows(one) for one in fresh]
        for place in range(max((len(one.slots.at) for one in fresh), default=0)):
            due = [number for number, one in enumerate(fresh) if place < len(one.slots.at)]
            for number in due:
                self._note(fresh[number], rows[number], place)
            all_rows = np.concatenate([rows[number] for number in due])
            values = np.concatenate([fresh[number].slots.values[:, place] for number in due])
            slots = np.concatenate(
                [np.full(len(rows[number]), _slot(fresh[number], place), np.int32) for number in due]
            )
            self.engine.observe(all_rows, slots, values)

    def _note(self, one: Fresh, rows: Rows, place: int) -> None:
        slot = _slot(one, place)
        self.newest = max(self.newest, slot)
        if int(one.slots.resets[place]) >= RESETS_MIN:
            self.engine.restarted(rows)
            self.hold_until[one.device] = slot + HOLD_SLOTS

    def compare(self) -> list[Apart] | None:
        """What sets devices apart now, the farthest first; None where nothing is new since the last time."""
        if self.newest <= self.compared:
            return None
        slot = self.compared = self.newest
        place = {device: number for number, device in enumerate(self.siblings)}
        kin = np.full((len(place) + 1, SIBLINGS_MAX), len(place), np.int32)
        for device, number in place.items():
            theirs = [place[other] for other in self.siblings[device] if other in place][:SIBLINGS_MAX]
            kin[number, : len(theirs)] = theirs
        held = np.array([self.hold_until.get(device, -1) > slot for device in place], bool)
        row_of = np.full(len(place) + 1, -1, np.int32)
        found: list[Apart] = []
        for text, devices in self._texts.items():
            named = [(place[device], row) for device, row in devices.items() if device in place]
            if not named:
                continue
            at, rows = np.array(named, np.intp).T
            row_of[at] = rows
            others: Ids = row_of[kin[at]]
            found += [self._apart(text, one) for one in self.engine.compare(rows, others, slot, held[at])]
            row_of[at] = -1
        return sorted(found, key=lambda one: -one.distance)

    def _apart(self, text: str, one: Difference) -> Apart:
        key = self._keys[one.row]
        device = (key.organisation_id, key.device_id)
        since_ms = one.since * SLOT_MS
        return Apart(device, key.series_id, text, since_ms, one.value, one.usual, one.distance, one.siblings)

    def _rows(self, one: Fresh) -> Rows:
        return np.array([self._row(Key(*one.device, name), one.texts[name]) for name in one.slots.series], np.intp)

    def _row(self, key: Key, text: str) -> int:
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = len(self._keys)
            self._keys.append(key)
            if row >= self.engine.size:
                self.engine.grow(self.engine.size * 2)
        devices = self._texts.setdefault(text, {})
        if not text.startswith(CLOCKS):
            devices[key.organisation_id, key.device_id] = row
        return row

    def dump(self) -> Kept:
        """The columns, to keep them."""
        return {f"key.{name}": column for name, column in key_columns(self._keys).items()} | self.engine.dump(
            len(self._keys)
        )

    def dump_facts(self) -> dict[str, Any]:
        """What is known of devices, as JSON."""
        return {"hold": [[*device, until] for device, until in self.hold_until.items()], "compared": self.compared}

    def load(self, kept: Kept, facts: Mapping[str, Any]) -> None:
        """Takes over what was kept. Raises KeyError, ValueError or TypeError when it is of another version."""
        keys = keys_of({name: kept[f"key.{name}"] for name in KEY_COLUMNS})
        self.engine.load(kept)
        self.engine.grow(len(keys) + GROW_ROWS)
        self._keys, self.rows = keys, {key: row for row, key in enumerate(keys)}
        self.hold_until = {(str(one), str(device)): int(until) for one, device, until in facts["hold"]}
        self.compared = self.newest = int(facts["compared"])


def _slot(one: Fresh, place: int) -> int:
    return int(one.slots.at[place] * 1000) // SLOT_MS
