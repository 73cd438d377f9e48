"""All rules over all devices: what is new of a device is judged; what begins to hold or is over is written.

A device that is away changes nothing: conditions begin and end by its samples alone, and only by fresh ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sereno_server.rules import judge, rows
from sereno_server.rules.catalogue import RULES, SERIES_NAMES
from sereno_server.rules.judge import Memory
from sereno_server.rules.rows import Begun, Known, SeriesRow, Spot
from sereno_server.rules.rule import Elsewhere, Rule
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all
from sereno_server.store.samples import Columns

FRESH_S: Final = 900.0  # a device whose newest sample is older is read late: nothing begins
RESTARTS: Final = "reboot_loop"  # the rule that looks at how long a device is up
STEPS_FRESH: Final = 3  # of `every_s`: how old the sample that says so may be on top

Device = tuple[str, str]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Binding:
    """A rule on one series of a device. partner, beside: series ids, 0 = none."""

    rule: Rule
    object: str
    series_id: int
    partner: int = 0
    beside: int = 0


@dataclass
class Watched:
    """What is known of one device."""

    bindings: tuple[Binding, ...] = ()
    memories: dict[tuple[str, int], Memory] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)  # ms, by series, and of all under 0


class RuleWatch:
    """The state of all rules, and the conditions that hold."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open: dict[Spot, Known] = {}
        self.devices: dict[Device, Watched] = defaultdict(Watched)
        self._series: dict[Device, dict[int, SeriesRow]] = defaultdict(dict)
        self._newest_series = 0
        self._offsets: Mapping[Device, int] = {}
        self._begun: dict[Spot, Begun] = {}
        self._over: set[Spot] = set()

    async def start(self) -> None:
        """Loads the conditions that hold; those of a rule that is no more are over."""
        async with self.store.transaction(Scope.system()) as tx:
            self.open = await rows.load_open(tx)
        self._over = {spot for spot in self.open if spot.rule not in RULES}

    async def learn(self) -> None:
        """Takes in the series that are new, and how the devices' clocks differ."""
        async with self.store.transaction(Scope.system()) as tx:
            found = await rows.load_series(tx, SERIES_NAMES, self._newest_series)
            self._offsets = await rows.load_offsets(tx)
        changed = set()
        for row in found:
            self._series[row.organisation_id, row.device_id][row.id] = row
            self._newest_series = max(self._newest_series, row.id)
            changed.add((row.organisation_id, row.device_id))
        for device in changed:
            self.devices[device].bindings = tuple(bound(self._series[device].values()))

    def wanted(self, device: Device) -> Iterable[int]:
        """The ids of the series that rules look at on this device."""
        return self._series.get(device, {})

    def feed(self, device: Device, columns: Columns, now: datetime) -> None:
        """Judges new samples of one device; `write` writes what follows."""
        watched = self.devices[device]
        for series_id, (times, _) in columns.items():
            if len(times):
                watched.newest[series_id] = max(watched.newest.get(series_id, 0), int(times[-1]))
                watched.newest[0] = max(watched.newest.get(0, 0), int(times[-1]))
        now_ms = int(now.timestamp() * 1000) + self._offsets.get(device, 0)
        fresh = now_ms - watched.newest.get(0, 0) <= FRESH_S * 1000
        for binding in watched.bindings:
            self._judge(device, watched, binding, columns, now_ms if fresh else None)

    def _judge(self, device: Device, watched: Watched, binding: Binding, columns: Columns, now_ms: int | None) -> None:
        """One rule on one series. now_ms: by the device's clock, None when the device is read late."""
        rule, column = binding.rule, columns.get(binding.series_id)
        memory = watched.memories.setdefault((rule.name, binding.series_id), Memory())
        spot = Spot(*device, rule.name, binding.object)
        is_open = (spot in self.open and spot not in self._over) or spot in self._begun
        if column is not None:
            judge.feed(rule, memory, column, columns.get(binding.partner), is_open=is_open)
        if not memory.at_ms:
            return
        reference_ms = watched.newest.get(binding.beside or 0, 0)
        gone = judge.is_absent(rule, memory, reference_ms)
        if is_open and (gone or judge.is_over(rule, memory)):
            if self._begun.pop(spot, None) is None:
                self._over.add(spot)
            if gone:
                memory.wrong_ms = -1
        elif not is_open and not gone and judge.holds(rule, memory) and now_ms is not None:
            if now_ms - memory.at_ms > (STEPS_FRESH * rule.every_s + FRESH_S) * 1000:
                return
            title = rule.title(binding.object, memory.figure)
            self._begun[spot] = Begun(spot, title, memory.figure, _moment(memory.since_ms))
            self._over.discard(spot)

    async def write(self, now: datetime) -> None:
        """Writes what began and what is over since the last time, in one transaction."""
        begun, over = [one for one in self._begun.values() if one.spot not in self.open], list(self._over)
        if not begun and not over:
            self._begun.clear()
            return
        async with self.store.transaction(Scope.system()) as tx:
            await rows.end(tx, [self.open[spot].id for spot in over if spot in self.open], now)
            ids = await rows.begin(tx, begun, now)
            told = [*ids.items(), *((spot, self.open[spot]) for spot in over if spot in self.open)]
            await emit_all(tx, [Event("forecast", spot.organisation_id, one.id, spot.device_id) for spot, one in told])
        for spot in over:
            self.open.pop(spot, None)
        self.open |= ids
        self._begun, self._over = {}, set()

    def restarted_ms(self, device: Device) -> int:
        """When a device last started, by its own clock; 0 = not known."""
        watched = self.devices.get(device)
        memories = () if watched is None else watched.memories.items()
        for (name, _), memory in memories:
            if name == RESTARTS and memory.at_ms:
                return memory.at_ms - int(memory.value * 1000)
        return 0

    def dump(self) -> list[Any]:
        """What is known, as JSON."""
        return [
            [
                *device,
                list(watched.newest.items()),
                [[name, series_id, *memory.dump()] for (name, series_id), memory in watched.memories.items()],
            ]
            for device, watched in self.devices.items()
        ]

    def load(self, kept: Sequence[Any]) -> None:
        """Takes over what was kept. Raises TypeError or ValueError when it is of another version."""
        devices: dict[Device, Watched] = defaultdict(Watched)
        for organisation_id, device_id, newest, memories in kept:
            watched = devices[str(organisation_id), str(device_id)]
            watched.newest = {int(series_id): int(at) for series_id, at in newest}
            watched.memories = {
                (str(name), int(series_id)): Memory.load(fields)
                for name, series_id, *fields in memories
                if name in RULES
            }
        self.devices = devices


def bound(series: Iterable[SeriesRow]) -> list[Binding]:
    """Which rules look at which of a device's series."""
    known: dict[str, dict[Labels, SeriesRow]] = defaultdict(dict)
    for row in series:
        known[row.name][tuple(sorted(row.labels.items()))] = row
    found = []
    for rule in RULES.values():
        if isinstance(rule.measure, Elsewhere):
            continue
        beside = next(iter(known.get(rule.beside, {}).values()), None)
        for labels, row in known.get(rule.series, {}).items():
            partner = known.get(rule.partner, {}).get(labels)
            if not set(rule.where) <= set(labels) or (rule.partner and partner is None):
                continue
            thing = " ".join(row.labels[name] for name in rule.object.split() if name in row.labels)
            found.append(Binding(rule, thing, row.id, partner.id if partner else 0, beside.id if beside else 0))
    return found


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
