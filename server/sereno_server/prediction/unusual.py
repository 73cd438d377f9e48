"""Watches all series of all devices in slots of five minutes; says where an incident begins and where it is over."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sereno_server.prediction.anomaly import Anomaly
from sereno_server.prediction.incidents import Calm, Departure, Opened, step
from sereno_server.prediction.slots import SLOT_MS, Slots
from sereno_server.prediction.watch import GROW_ROWS, KEY_COLUMNS, Kept, Key, key_columns, keys_of

BEYOND_MIN = 0.05  # what departs less is not kept as evidence

Device = tuple[str, str]


@dataclass(frozen=True)
class Fresh:
    """New slots of a device. texts: what each of its series is called."""

    device: Device
    slots: Slots
    texts: Mapping[int, str]


class Unusual:
    """The anomaly state of all series, and what is known of each device."""

    def __init__(self) -> None:
        self.engine = Anomaly(GROW_ROWS)
        self.rows: dict[Key, int] = {}
        self.calm: dict[Device, Calm] = {}

    def feed(self, fresh: Sequence[Fresh]) -> list[tuple[Device, Opened]]:
        """Takes new slots, each device once; what is not newer than what was seen changes nothing."""
        rows = [np.array([self._row(Key(*one.device, name)) for name in one.slots.series], np.intp) for one in fresh]
        opened: list[tuple[Device, Opened]] = []
        for place in range(max((len(one.slots.at) for one in fresh), default=0)):
            due = [number for number, one in enumerate(fresh) if place < len(one.slots.at) and self._counts(one, place)]
            departures = self._departures(fresh, rows, due, place)
            for number in due:
                one = fresh[number]
                calm = self.calm.setdefault(one.device, Calm())
                slot = int(one.slots.at[place] * 1000) // SLOT_MS
                began = step(calm, slot, departures[number], int(one.slots.resets[place]))
                if began is not None:
                    opened.append((one.device, began))
        return opened

    def _counts(self, one: Fresh, place: int) -> bool:
        calm = self.calm.get(one.device)
        if not np.isfinite(one.slots.values[:, place]).any():
            return False  # the device was off
        return calm is None or int(one.slots.at[place] * 1000) // SLOT_MS > calm.slot

    def _departures(
        self, fresh: Sequence[Fresh], rows: Sequence[Any], due: Sequence[int], place: int
    ) -> Mapping[int, list[Departure]]:
        """What departs in this slot, by the position of the device; one call for all devices."""
        found: dict[int, list[Departure]] = defaultdict(list)
        if not due:
            return found
        all_rows = np.concatenate([rows[number] for number in due])
        value = np.concatenate([fresh[number].slots.values[:, place] for number in due])
        sizes = [len(rows[number]) for number in due]
        at = np.repeat([float(fresh[number].slots.at[place]) for number in due], sizes)
        owner = np.repeat(due, sizes)
        usual = self.engine.usual_level(all_rows)
        beyond = self.engine.measure(all_rows, at, value)
        within = np.concatenate([np.arange(size) for size in sizes])
        for spot in np.nonzero(beyond >= BEYOND_MIN)[0]:
            one = fresh[int(owner[spot])]
            name = one.slots.series[int(within[spot])]
            found[int(owner[spot])].append(
                Departure(name, one.texts[name], float(value[spot]), float(usual[spot]), float(beyond[spot]))
            )
        return found

    def _row(self, key: Key) -> int:
        row = self.rows.setdefault(key, len(self.rows))
        if row >= self.engine.size:
            self.engine.grow(self.engine.size * 2)
        return row

    def dump(self) -> Kept:
        """The columns of the series, to keep them."""
        return {f"key.{name}": column for name, column in key_columns(list(self.rows)).items()} | self.engine.dump(
            len(self.rows)
        )

    def dump_calm(self) -> list[dict[str, Any]]:
        """What is known of the devices, as JSON."""
        return [{"device": list(device), **asdict(calm)} for device, calm in self.calm.items()]

    def load(self, kept: Kept, calm: Sequence[Mapping[str, Any]]) -> None:
        """Takes over what was kept. Raises KeyError, ValueError or TypeError when it is of another version."""
        keys = keys_of({name: kept[f"key.{name}"] for name in KEY_COLUMNS})
        self.engine.load(kept)
        self.engine.grow(len(keys) + GROW_ROWS)
        self.rows = {key: row for row, key in enumerate(keys)}
        for one in calm:
            fields = {name: value for name, value in one.items() if name not in {"device", "recent"}}
            recent = [(int(at), Departure(**departure)) for at, departure in one["recent"]]
            self.calm[str(one["device"][0]), str(one["device"][1])] = Calm(**fields, recent=recent)
