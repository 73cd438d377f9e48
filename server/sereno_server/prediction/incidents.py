"""From departing series to one incident a device. Pure.

A series counts by how far it goes beyond its own record; series of one area (cpu, disk, network, ...) count once, and
only so far, because they measure the same thing. What an area adds up to over a quarter of an hour is the device's
strength, and it keeps a record of its own: a device that is often restless has to be more so. That, and not a model of
noise, is what bounds the false incidents of a device, however many series it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 3  # slots that are looked at together
AREA_MAX: Final = 1.5  # what one area can add
BAR: Final = 2.5  # the least strength that opens an incident: two areas at least
RECORD_MARGIN: Final = 1.5  # it also has to exceed the device's own record by this factor
RECORD_FADE: Final = 0.5 ** (1 / (14 * 288))  # a slot; half of the record is gone after two weeks
LEARN_SLOTS: Final = 3 * 288  # nothing is said in a device's first three days
HOLD_SLOTS: Final = 6  # after a restart or a gap
GAP_SLOTS: Final = 2
RESETS_MIN: Final = 3  # counters that go backwards in one slot mean a restart
QUIET_SLOTS: Final = 12  # an incident is over after an hour in which nothing departs


@dataclass(frozen=True)
class Departure:
    """One series in one slot. beyond: in distances of its record from its mean."""

    series_id: int
    text: str
    value: float
    usual: float
    beyond: float

    @property
    def area(self) -> str:
        """`network` of network_received_bytes{...}."""
        return self.text.partition("{")[0].partition("_")[0].rstrip("0123456789")


@dataclass
class Calm:
    """What is known of a device. Slots are numbers of five minutes since the epoch."""

    seen: int = 0
    slot: int = -1
    record: float = 0.0
    hold_until: int = -1
    departed_at: int = -1  # the last slot in which something departed, while an incident is open
    onset: int = -1
    recent: list[tuple[int, Departure]] = field(default_factory=list)


@dataclass(frozen=True)
class Opened:
    """An incident begins. strength: 1 = just enough. series: the strongest first."""

    onset: int
    strength: float
    series: Sequence[Departure]


def step(calm: Calm, slot: int, departures: Iterable[Departure], resets: int) -> Opened | None:
    """Takes one slot of a device; says when an incident begins. `is_open` says whether it goes on."""
    if slot <= calm.slot:
        return None
    fresh = list(departures)
    if resets >= RESETS_MIN or (calm.slot >= 0 and slot - calm.slot > GAP_SLOTS):
        calm.hold_until = slot + HOLD_SLOTS
    calm.seen += 1
    calm.record *= RECORD_FADE ** max(1, slot - calm.slot if calm.slot >= 0 else 1)
    calm.slot = slot
    if slot < calm.hold_until:
        calm.recent = []
        return None
    calm.recent = [(at, one) for at, one in calm.recent if slot - at < WINDOW] + [(slot, one) for one in fresh]
    strength = strength_of(one for _, one in calm.recent)
    bar = max(BAR, RECORD_MARGIN * calm.record)
    calm.record = max(calm.record, strength)
    if is_open(calm):
        calm.departed_at = slot if strength >= BAR / 2 else calm.departed_at
        return None
    if strength < bar or calm.seen < LEARN_SLOTS:
        return None
    calm.onset, calm.departed_at = min(at for at, _ in calm.recent), slot
    return Opened(calm.onset, strength / bar, strongest(one for _, one in calm.recent))


def is_open(calm: Calm) -> bool:
    """Whether an incident goes on."""
    return calm.departed_at >= 0 and calm.slot - calm.departed_at < QUIET_SLOTS


def strongest(departures: Iterable[Departure]) -> list[Departure]:
    """Each series where it departed most, the strongest first."""
    best: dict[int, Departure] = {}
    for one in departures:
        if one.series_id not in best or one.beyond > best[one.series_id].beyond:
            best[one.series_id] = one
    return sorted(best.values(), key=lambda one: -one.beyond)


def strength_of(departures: Iterable[Departure]) -> float:
    """What the areas add up to."""
    areas: dict[str, float] = {}
    for one in departures:
        areas[one.area] = max(areas.get(one.area, 0.0), min(one.beyond, AREA_MAX))
    return sum(areas.values())


def title(series: Sequence[Departure]) -> str:
    """`Network, cpu and memory unlike ever before`."""
    areas = list(dict.fromkeys(one.area for one in series))[:3]
    words = areas[0] if len(areas) == 1 else ", ".join(areas[:-1]) + " and " + areas[-1]
    return f"{words[:1].upper()}{words[1:]} unlike ever before"
