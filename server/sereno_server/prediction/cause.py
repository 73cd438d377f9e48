"""What changed just before it began? Ranks changes as causes of a growth or fault, and names none when none fits.

Every change is an explanation, and so is "nothing that changed": each is weighed by what speaks for it. For a change
that is how long causes take to show, what kind of change it is and what became of the devices that also got it, against
how often such a change happens on this device anyway. The weight of a change is its share of all explanations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from sereno_server.prediction.chance import Usual
from sereno_server.prediction.plausible import AT_ONCE_S, Moved, led_by, likely

PRIOR: Final = 0.04  # odds that a change of one kind is behind a trouble, before its time is looked at
WEIGHT_MIN: Final = 0.1  # of a change that is named beside others
SHOWS_AFTER: Final = 0.5  # causes mostly show within this share of the time that the trouble has lasted,
SHOWS_S_MIN: Final = 3600.0  # or within an hour; any delay up to there is as likely as one twice as long
SLACK_S_MIN: Final = 2.0
ONSET_SLACK: Final = 0.25  # the onset is known to within this share of the duration
LOOK_BACK: Final = timedelta(days=7)  # how usual changes are is judged over this time
WELL_MIN: Final = 2
SECONDS_A_MINUTE: Final = 60


class Changed(Moved, Protocol):
    """A change. at: by the device's clock, as is the onset."""

    @property
    def id(self) -> str: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True)
class Cause:
    """A change as a cause. weight: its share of all explanations, 0.1 to 1; why: a sentence without its full stop."""

    change_id: str
    weight: float
    why: str


def rank(
    onset_at: datetime,
    changes: Sequence[Changed],
    now: datetime,
    about: str = "",
    slack_s: float | None = None,
) -> list[Cause]:
    """The changes that fit as a cause, the likeliest first. Empty: nothing that changed explains it better than chance.

    about: what the trouble is called (`folder app-logs`), to see which changes have to do with it.
    slack_s: how uncertain the onset is; a share of the duration when nothing better is known.
    """
    duration_s = max((now - onset_at).total_seconds(), 1.0)
    slack_s = max(ONSET_SLACK * duration_s if slack_s is None else slack_s, SLACK_S_MIN)
    window = [change for change in changes if onset_at - LOOK_BACK <= change.at <= onset_at + LOOK_BACK]
    usual = Usual(window, LOOK_BACK.total_seconds() + min(duration_s, LOOK_BACK.total_seconds()))
    shows = Shows(max(SHOWS_AFTER * duration_s, SHOWS_S_MIN, 2 * slack_s), slack_s)
    found: list[tuple[float, Changed]] = []
    best: dict[int, float] = {}
    for change in window:
        before_s = (onset_at - change.at).total_seconds()
        led = any(led_by(change, other, (change.at - other.at).total_seconds()) for other in window)
        odds = PRIOR * likely(change, about, led=led) * shows.density(before_s) / usual.rate(change)
        event = usual.event(change)
        best[event] = max(best.get(event, 0.0), odds)  # what came together is explained by its best member
        found.append((odds, change))
    all_odds = 1.0 + sum(best.values())
    if all_odds < 2:  # noqa: PLR2004 (nothing that changed is the better half of all explanations)
        return []
    named = sorted(((odds / all_odds, change) for odds, change in found), key=lambda pair: -pair[0])
    return [
        Cause(change.id, round(weight, 3), why(change, (onset_at - change.at).total_seconds()))
        for weight, change in named
        if weight >= WEIGHT_MIN
    ]


@dataclass(frozen=True)
class Shows:
    """How long causes take to show: any delay is as likely as one twice as long, up to `mostly_s`; longer ones seldom.

    slack_s: how uncertain the onset is, so that shorter delays look alike, and a cause may seem to come after it.
    """

    mostly_s: float
    slack_s: float

    def density(self, before_s: float) -> float:
        """How densely causes lie so long before the onset, a second."""
        far, near = self.mostly_s, self.slack_s
        share = near / far
        # The integral of 1 / ((x + near) (1 + (x / far)^2)) over all delays, so that densities of all scales compare.
        whole = (math.log(1 / share) + math.pi / 2 * share) / (1 + share**2)
        if before_s < 0:
            return math.exp(-1.5 * (before_s / near) ** 2) / (near * whole)
        return 1 / ((before_s + near) * (1 + (before_s / far) ** 2) * whole)


def why(change: Changed, before_s: float) -> str:
    """`Changed 40 s before it began`, and what the siblings with the same change tell."""
    verb = {"reboot": "happened", "package": "was installed or removed", "service": "changed state"}.get(
        change.kind, "changed"
    )
    if abs(before_s) < AT_ONCE_S:
        when = "just as it began"
    elif before_s < 0:
        when = f"{span(-before_s)} after the first signs"
    else:
        when = f"{span(before_s)} before it began"
    said = f"{verb} {when}" if change.own else f"reached {_devices(change.siblings)} like this one {when}"
    if change.siblings_in_trouble:
        said += f"; {_devices(change.siblings_in_trouble)} with the same change have the same trouble"
        spared = change.others - change.others_in_trouble
        return f"{said}, {_devices(spared)} without it do not" if spared and not change.others_in_trouble else said
    if change.own and change.siblings >= WELL_MIN:
        return f"{said}; {_devices(change.siblings)} with the same change are well"
    return said


def _devices(count: int) -> str:
    return "another device" if count == 1 else f"{count} other devices"


def span(seconds: float) -> str:
    """A length of time the way people say it: 40 s, 5 min, 3 h 20 min, 4 days."""
    if seconds < 2 * SECONDS_A_MINUTE:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / SECONDS_A_MINUTE)
    hours, days = minutes // 60, minutes // (24 * 60)
    if days >= 2:  # noqa: PLR2004 (up to two days hours say it better)
        return f"{days} days"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
