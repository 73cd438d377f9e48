"""What changed just before it began? Ranks changes as causes of a growth or fault, and names none when none fits.

Two explanations are weighed against each other for each change: it began the trouble, or it stands there by chance. The
first says how long a cause takes to show, measured by how long the trouble has lasted; the second how often such a
change happens on this device anyway. The weight of a change is the chance that the first is right.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from sereno_server.prediction.kinship import related

WEIGHT_MIN: Final = 0.5  # below it chance explains it better, and it is not named
PRIOR: Final = 0.09  # odds that a change of one kind is behind a trouble, before its time is looked at
SHOWS_AFTER: Final = 0.06  # half of the causes show within this share of the time that the trouble has lasted
SLACK_S_MIN: Final = 2.0
ONSET_SLACK: Final = 0.25  # the onset is known to within this share of the duration
LOOK_BACK: Final = timedelta(days=7)  # how usual changes are is judged over this time
UNSEEN: Final = 0.5  # a kind that was never seen before counts as seen so often
LIKELY: Final = {
    **dict.fromkeys(("file", "setting", "tree", "environment", "package", "container", "cron", "unit", "sysctl"), 1.0),
    **dict.fromkeys(("service", "mount", "module", "firewall", "kernel", "dns"), 0.8),
    **dict.fromkeys(("reboot", "network", "route", "certificate", "hardware"), 0.6),
    **dict.fromkeys(("user", "group", "sudo", "port", "address"), 0.3),
    **dict.fromkeys(("password", "sshkey"), 0.1),
}
LIKELY_OTHER: Final = 0.6
RELATED: Final = 4.0  # its name and that of the trouble have a word in common
FOLLOWS_S: Final = 120.0  # what comes so soon after another change may be its work
FOLLOWS: Final = 0.2
MADE_BY: Final = {  # what such a change often only comes along with
    "file": ("package",),
    "unit": ("package",),
    "user": ("package",),
    "group": ("package", "user"),
    "service": ("package", "file", "setting", "unit", "container", "sysctl", "reboot"),
    "port": ("package", "file", "unit", "container", "service", "reboot"),
}
ROLLED_OUT: Final = 0.25  # it came to siblings, and not (as far as is known) to this device
SIBLINGS_TOO: Final = 4.0  # siblings with the same change have the same trouble
SIBLINGS_WELL: Final = 0.4  # several siblings have the same change and are well
SIBLINGS_WELL_MIN: Final = 2
AT_ONCE_S: Final = 2  # the onset is not known to the second
SECONDS_A_MINUTE: Final = 60


class Changed(Protocol):
    """A change. at: by the device's clock, as is the onset."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def object(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def siblings(self) -> int:
        """How many other devices got the same change."""

    @property
    def siblings_in_trouble(self) -> int:
        """How many of them have the same trouble since."""

    @property
    def own(self) -> bool:
        """False when only siblings got it."""


@dataclass(frozen=True)
class Cause:
    """A change as a cause. weight: 0.5 to 1; why: one sentence without its full stop."""

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
    """The changes that fit as a cause, the likeliest first. Empty: nothing that changed explains it.

    about: what the trouble is called (`folder app-logs`), to see which changes have to do with it.
    slack_s: how uncertain the onset is; a share of the duration when nothing better is known.
    """
    duration_s = max((now - onset_at).total_seconds(), 1.0)
    slack_s = max(ONSET_SLACK * duration_s if slack_s is None else slack_s, SLACK_S_MIN)
    window = [change for change in changes if onset_at - LOOK_BACK <= change.at <= onset_at + LOOK_BACK]
    moments = {(change.kind, change.own, round(change.at.timestamp())) for change in window}
    usual = Counter((kind, own) for kind, own, _ in moments)
    found: list[tuple[float, Cause]] = []
    for change in window:
        before_s = (onset_at - change.at).total_seconds()
        by_chance = (usual[change.kind, change.own] - 1 + UNSEEN) / LOOK_BACK.total_seconds()
        odds = PRIOR * _likely(change, window, about) * _shows(before_s, duration_s, slack_s) / by_chance
        weight = odds / (1 + odds)
        if weight >= WEIGHT_MIN:
            found.append((odds, Cause(change.id, round(weight, 3), why(change, before_s))))
    return [cause for _, cause in sorted(found, key=lambda pair: -pair[0])]


def _shows(before_s: float, duration_s: float, slack_s: float) -> float:
    """How densely causes lie so long before the onset, a second. After it only as far as the onset is uncertain."""
    if before_s < 0:
        return math.exp(-1.5 * (before_s / slack_s) ** 2) / (1.5 * slack_s)
    half_s = max(SHOWS_AFTER * duration_s, slack_s)
    return float((1 + before_s / half_s) ** -2 / half_s)


def _likely(change: Changed, changes: Sequence[Changed], about: str) -> float:
    """How likely such a change begins a trouble, its time left aside; 1 for an ordinary one."""
    likely = LIKELY.get(change.kind, LIKELY_OTHER)
    if related(about, f"{change.object} {change.name}"):
        likely *= RELATED
    if any(_led(change, other) for other in changes):
        likely *= FOLLOWS
    if not change.own:
        likely *= ROLLED_OUT
    if change.siblings_in_trouble:
        return likely * SIBLINGS_TOO
    return likely * SIBLINGS_WELL if change.own and change.siblings >= SIBLINGS_WELL_MIN else likely


def _led(change: Changed, other: Changed) -> bool:
    """Whether the change came because of the other one: a package brings files, an edited file a restart."""
    if other.kind not in MADE_BY.get(change.kind, ()) or other.own != change.own:
        return False
    return -AT_ONCE_S <= (change.at - other.at).total_seconds() <= FOLLOWS_S


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
        return f"{said}; {_devices(change.siblings_in_trouble)} with the same change have the same trouble"
    if change.own and change.siblings >= SIBLINGS_WELL_MIN:
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
