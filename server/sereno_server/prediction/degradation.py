"""How far a device has degraded: one number from 0 (sound) to 100 (broken), with its parts. Pure.

Every part has points of its own, from what it is about alone. The worst part sets the score; all others together take
it at most half of the way from there to 100:

    score = worst + (100 - worst) * (1 - product of (1 - points / 100) over the others) / 2

So nothing hides in an average, many small troubles still show, and no part that grows can make the score fall. What
several sources say of one thing (a forecast and its alert) counts once, by the larger. An organisation is scored by
the same rule: its parts are its devices.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

OTHERS_SHARE: Final = 0.5  # of the way from the worst part to 100 that all others can take
FULL_POINTS: Final = 95.0
STALLED_POINTS: Final = 10.0  # a forecast that is open without a time
NEAR_POINTS: Final = 75.0  # what nearness and confidence add to that
NEAR_DAYS: Final = 1.0  # at this distance half of them
SEVERITY_POINTS: Final = {"failing": 90.0, "soon": 50.0, "watch": 15.0}
DAY_S: Final = 86_400.0
BURST_LINES_MIN: Final = 10


@dataclass(frozen=True)
class Part:
    """One trouble. about: what it is about, so that it counts once. figures: what its sentence is made of."""

    kind: str
    about: str
    points: float
    figures: Mapping[str, Any] = field(default_factory=dict)


def runs_out(left_s: float | None, confidence: float, *, full: bool) -> float:
    """Points of an open forecast: by how near it is and how sure. left_s: None = no time known.

    Sureness weighs half: what is near and unsure still deserves a look.
    """
    if full:
        return FULL_POINTS
    if left_s is None:
        return STALLED_POINTS
    nearness = 1.0 / (1.0 + max(left_s, 0.0) / (NEAR_DAYS * DAY_S))
    return STALLED_POINTS + NEAR_POINTS * nearness * (1.0 + _within(confidence, 0.0, 1.0)) / 2


def alerted(severity: str) -> float:
    """Points of a firing alert."""
    return SEVERITY_POINTS.get(severity, SEVERITY_POINTS["watch"])


def unusual(strength: float) -> float:
    """Points of an open anomaly; strength 1 = just enough to open one. Unusual is not yet wrong: 40 at most."""
    return _within(10.0 + 15.0 * strength, 0.0, 40.0)


def services_failed(count: float) -> float:
    """Points of services that have failed: 35 for the first, 65 at most."""
    return _within(25.0 + 10.0 * count, 0.0, 65.0) if count >= 1 else 0.0


def restarts(count: float) -> float:
    """Points of restarts of services, or of the machine beyond the first, within a day: 5 each, 40 at most."""
    return _within(5.0 * count, 0.0, 40.0)


def security_updates(count: float, waited_s: float) -> float:
    """Points of security updates that wait: few at first, more with every week, 40 at most."""
    if count < 1:
        return 0.0
    return _within(2.0 + math.log2(count) + 5.0 * max(waited_s, 0.0) / (7 * DAY_S), 0.0, 40.0)


def reboot_required(waited_s: float) -> float:
    """Points of a restart that an update asked for: it protects only after it. 20 at most."""
    return _within(2.0 + 3.0 * max(waited_s, 0.0) / (7 * DAY_S), 0.0, 20.0)


def errors_logged(lines_hour: float, usual_hour: float) -> float:
    """Points of error lines in the last hour, against an ordinary hour of the day before: 15 a doubling, 45 at most."""
    if lines_hour < BURST_LINES_MIN:
        return 0.0
    return _within(15.0 * math.log2(lines_hour / max(usual_hour, 1.0)), 0.0, 45.0)


def counted(parts: Iterable[Part]) -> list[Part]:
    """The parts that count, the worst first: of one thing only the largest, and none without points."""
    best: dict[str, Part] = {}
    for part in parts:
        if part.points > 0 and (part.about not in best or part.points > best[part.about].points):
            best[part.about] = part
    return sorted(best.values(), key=lambda part: (-part.points, part.about))


def combined(points: Sequence[float]) -> float:
    """The score of parts with these points, 0 to 100."""
    if not points:
        return 0.0
    worst, *others = sorted((_within(one, 0.0, 100.0) for one in points), reverse=True)
    sound = math.prod(1.0 - one / 100.0 for one in others)
    return worst + (100.0 - worst) * (1.0 - sound) * OTHERS_SHARE


def score(parts: Iterable[Part]) -> float:
    """The score of a device, 0 to 100."""
    return combined([part.points for part in counted(parts)])


def _within(value: float, low: float, high: float) -> float:
    return low if math.isnan(value) else min(max(value, low), high)
