"""What changed just before it began? Ranks changes as causes of a growth or fault, and names none when none fits.

A change is a likely cause when it came shortly before the onset, measured by how long the trouble has lasted, and when
a change that close would be a rare coincidence on this device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

WEIGHT_MIN: Final = 0.25  # below it a change is not named
NEAR_DURATIONS: Final = 3.0  # a change this many durations before the onset has lost half its weight
ONSET_SLACK: Final = 0.25  # the onset is known to within this share of the duration
LOOK_BACK: Final = timedelta(days=7)  # how usual changes are is judged over this time
# How often a change of a kind is behind a fault or a growth, by what people find in their own incidents.
LIKELY: Final = {
    "file": 1.0, "setting": 1.0, "tree": 1.0, "environment": 1.0, "package": 0.95, "service": 0.9, "unit": 0.9,
    "cron": 0.9, "sysctl": 0.9, "mount": 0.9, "kernel": 0.85, "dns": 0.85, "route": 0.85, "firewall": 0.85,
    "network": 0.85, "reboot": 0.8, "certificate": 0.8, "address": 0.7, "hardware": 0.7, "user": 0.6, "group": 0.6,
    "sudo": 0.5, "module": 0.5, "port": 0.5, "system": 0.5, "password": 0.3, "sshkey": 0.3,
}  # fmt: skip
LIKELY_OTHER: Final = 0.8
PEER_SHARE: Final = 0.55  # of the likelihood; changes below it are not counted as coincidences
AT_ONCE_S: Final = 2  # the onset is not known to the second
SECONDS_A_MINUTE: Final = 60


class Changed(Protocol):
    """A change on the device; at: by the device's clock, as is the onset."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True)
class Cause:
    """A change as a cause. weight: 0 to 1; why: one sentence without its full stop."""

    change_id: str
    weight: float
    why: str


def rank(onset_at: datetime, changes: Sequence[Changed], now: datetime) -> list[Cause]:
    """The changes that fit as a cause, the likeliest first. Empty: nothing that changed explains it."""
    duration_s = max((now - onset_at).total_seconds(), 1.0)
    earlier = [change for change in changes if onset_at - LOOK_BACK <= change.at <= onset_at + LOOK_BACK]
    found = []
    for change in earlier:
        before_s = (onset_at - change.at).total_seconds()
        weight = _near(before_s, duration_s) * _rare(change, before_s, duration_s, earlier)
        weight *= _likely(change)
        if weight >= WEIGHT_MIN:
            found.append(Cause(change.id, round(weight, 3), _why(before_s)))
    return sorted(found, key=lambda cause: -cause.weight)


def _likely(change: Changed) -> float:
    return LIKELY.get(change.kind, LIKELY_OTHER)


def _near(before_s: float, duration_s: float) -> float:
    """1 right at the onset; halves every NEAR_DURATIONS before it, and fades within the slack after it."""
    if before_s < 0:
        return max(0.0, 1.0 + before_s / (ONSET_SLACK * duration_s))
    return float(0.5 ** (before_s / (NEAR_DURATIONS * duration_s)))


def _rare(change: Changed, before_s: float, duration_s: float, changes: Sequence[Changed]) -> float:
    """Chance that none of the other changes would have come this close by itself, at the rate seen on this device.

    Changes of the same moment count as one: a package brings many files. Kinds that are behind little (a port opened)
    do not make one that is behind much a coincidence.
    """
    enough = PEER_SHARE * _likely(change)
    moments = {round(other.at.timestamp()) for other in changes if _likely(other) >= enough}
    moments -= {round(change.at.timestamp())}
    rate = len(moments) / LOOK_BACK.total_seconds()
    return math.exp(-rate * (abs(before_s) + ONSET_SLACK * duration_s))


def _why(before_s: float) -> str:
    if before_s < AT_ONCE_S:
        return "changed as it began"
    return f"changed {span(before_s)} before it began"


def span(seconds: float) -> str:
    """A length of time the way people say it: 40 s, 5 min, 3 h 20 min, 4 days."""
    if seconds < 2 * SECONDS_A_MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / SECONDS_A_MINUTE)
    hours, days = minutes // 60, minutes // (24 * 60)
    if days >= 2:  # noqa: PLR2004 (up to two days hours say it better)
        return f"{days} days"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
