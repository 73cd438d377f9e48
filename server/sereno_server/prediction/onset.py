"""When exactly did it begin? The bend in the samples around a growth that the predictor has noticed.

The predictor notices a growth only once it stands out, so its own onset is late. Looking back there is more to see: the
straight line that the series followed until it bent upwards. The bend that leaves the smallest squares is the onset;
the bends that leave almost as small ones say how uncertain it is. What stands out for an hour (a job, a copy) counts
less, and where neighbouring samples tell the same (a slow wander), only what they have new does: Huber weights and one
Cochrane-Orcutt step, found by fitting three times.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BEFORE_DURATIONS: Final = 4.0  # so much of the time before the growth is looked at
SAMPLES_MIN: Final = 8
SAMPLES_MAX: Final = 600
BENDS: Final = 160
DAY_S: Final = 86_400.0
DAYS: Final = (
    2.0  # of the past show a pattern of the day; looked at where the growth is slow enough to be mistaken for it
)
DAILY_FROM: Final = 1 / 24
POWERS: Final = (0.6, 1.0, 1.5, 2.0)  # a growth that slows down, a steady one, and faster and faster ones
WORSE: Final = 4.0  # twice the log-likelihood that is given away at the edges: about 95 %
FITS: Final = 3
HUBER: Final = 2.5  # times the usual distance from the line: what lies beyond counts less
NOISE_SHARE: Final = 0.15  # neighbours that are no more alike than this are taken as noise
ALIKE_MAX: Final = 0.98  # of what a sample says its neighbour may have said already


@dataclass(frozen=True)
class Onset:
    """at: epoch seconds; slack_s: the onset lies within this of it."""

    at: float
    slack_s: float


def since(onset: float, now: float) -> float:
    """From when on samples are needed to find the onset of a growth that was noticed at `onset`."""
    duration = max(now - onset, 1.0)
    return onset - max(BEFORE_DURATIONS * duration, DAYS * DAY_S if duration > DAILY_FROM * DAY_S else 0.0)


def refine(at: Floats, value: Floats, onset: float, now: float) -> Onset:
    """The onset of a growth whose predictor says `onset`. at: epoch seconds, rising. All times by the same clock."""
    start = since(onset, now)
    keep = (at >= start) & (at <= now) & np.isfinite(value)
    at, value = at[keep], value[keep]
    if len(at) < SAMPLES_MIN or np.ptp(value) == 0:
        return Onset(onset, 0.25 * max(now - onset, 1.0))
    if len(at) > SAMPLES_MAX:
        place = np.linspace(0, len(at) - 1, SAMPLES_MAX).round().astype(np.intp)
        at, value = at[place], value[place]
    duration = max(now - onset, 1.0)
    first = max(onset - BEFORE_DURATIONS * duration, at[0] + 0.05 * (at[-1] - at[0]))
    bends = np.linspace(first, at[-1] - 0.03 * duration, BENDS)
    y = (value - value.mean()) / np.std(value)
    left = _left_over(at, y, _line(at, onset), bends)
    best = int(np.argmin(left))
    near = len(at) * np.log(np.maximum(left, 1e-12) / max(left[best], 1e-12)) <= WORSE
    steps = (bends[1] - bends[0], (at[-1] - at[0]) / len(at))
    return Onset(
        float(bends[best]), float(max(bends[near].max() - bends[best], bends[best] - bends[near].min(), *steps))
    )


def _line(at: Floats, onset: float) -> Floats:
    """What the series did before: a straight line, and where two days are known a pattern of the day. A row each."""
    passed = at - at[0]
    line = [np.ones_like(at), passed / max(passed[-1], 1e-9)]
    if onset - at[0] >= (DAYS - 0.1) * DAY_S:
        angle = 2 * np.pi * passed / DAY_S
        line += [wave(angle * harmonic) for harmonic in (1, 2) for wave in (np.sin, np.cos)]
    return np.stack(line)


def _left_over(at: Floats, y: Floats, line: Floats, bends: Floats) -> Floats:
    """The mean square that the line with a bend at each place leaves, of the growth that fits there best."""
    weight, alike = np.ones(len(at)), 0.0
    for fit in range(FITS):
        left = np.stack([_left(at, y, line, bends, (power, weight, alike)) for power in POWERS])
        if fit < FITS - 1:
            growth, bend = np.unravel_index(np.argmin(left), left.shape)
            design = np.vstack([line, _risen(at, bends[bend], POWERS[growth])])
            rest = y - _solved(design, y, weight, alike) @ design
            usual = 1.4826 * float(np.median(np.abs(rest)))
            weight = np.minimum(1.0, HUBER * usual / np.maximum(np.abs(rest), 1e-12))
            alike = _alike(rest * weight)
    best: Floats = left.min(axis=0)
    return best


def _alike(rest: Floats) -> float:
    """How alike neighbours are: how likeness fades with distance, which noise on top of a wander does not hide."""
    whole, near, far = (float(rest[lag:] @ rest[: len(rest) - lag]) / len(rest) for lag in (0, 1, 3))
    if near <= NOISE_SHARE * whole:
        return max(near / max(whole, 1e-12), 0.0)
    return min(math.sqrt(max(far, 0.0) / near), ALIKE_MAX)


def _left(at: Floats, y: Floats, line: Floats, bends: Floats, how: tuple[float, Floats, float]) -> Floats:
    """The mean square left at each bend, growth being of this power; downward bends are no onset."""
    power, weight, alike = how
    basis, _ = np.linalg.qr(_news(line, weight, alike).T)
    rest, risen = _news(y, weight, alike), _news(_risen(at, bends[:, None], power), weight, alike)
    rest, risen = rest - basis @ (basis.T @ rest), risen - (risen @ basis) @ basis.T
    square = np.maximum((risen**2).sum(axis=1), 1e-12)
    steep = np.maximum(risen @ rest / square, 0.0)
    left: Floats = ((rest**2).sum() - steep**2 * square) / len(at)
    return left


def _risen(at: Floats, bend: float | Floats, power: float) -> Floats:
    risen: Floats = (np.maximum(at - bend, 0.0) / max(at[-1] - at[0], 1e-9)) ** power
    return risen


def _news(rows: Floats, weight: Floats, alike: float) -> Floats:
    """What every sample says that its neighbour before has not said yet, by its weight and that of the neighbour."""
    fresh = np.concatenate([rows[..., :1] * np.sqrt(1 - alike**2), rows[..., 1:] - alike * rows[..., :-1]], axis=-1)
    news: Floats = fresh * np.sqrt(np.minimum(weight, np.concatenate([weight[:1], weight[:-1]])))
    return news


def _solved(design: Floats, y: Floats, weight: Floats, alike: float) -> Floats:
    solved = np.linalg.lstsq(_news(design, weight, alike).T, _news(y, weight, alike), rcond=None)[0]
    return np.asarray(solved, float)
