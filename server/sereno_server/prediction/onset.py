"""When exactly did it begin? The bend in the samples around a growth that the predictor has noticed.

The predictor notices a growth only once it stands out, so its own onset is late. Looking back there is more to see: the
straight line that the series followed until it bent upwards. The bend that leaves the smallest squares is the onset;
the bends that leave almost as small ones say how uncertain it is.
"""

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
POWERS: Final = (1.0, 1.5, 2.0)  # a steady growth, and faster and faster ones
WORSE: Final = 4.0  # twice the log-likelihood that is given away at the edges: about 95 %
INDEPENDENT_MAX: Final = 60  # neighbouring samples tell the same


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
    line = [np.ones_like(at), at - at[0]]
    if onset - at[0] >= (DAYS - 0.1) * DAY_S:
        angle = 2 * np.pi * (at - at[0]) / DAY_S
        line += [wave(angle * harmonic) for harmonic in (1, 2) for wave in (np.sin, np.cos)]
    first = max(onset - BEFORE_DURATIONS * duration, at[0] + 0.05 * (at[-1] - at[0]))
    bends = np.linspace(first, at[-1] - 0.03 * duration, BENDS)
    y = (value - value.mean()) / np.std(value)
    left = np.min([_left_over(at, y, np.stack(line, axis=1), bends, power) for power in POWERS], axis=0)
    best = int(np.argmin(left))
    independent = min(len(at), INDEPENDENT_MAX)
    near = independent * np.log(np.maximum(left, 1e-12) / max(left[best], 1e-12)) <= WORSE
    steps = (bends[1] - bends[0], (at[-1] - at[0]) / len(at))
    return Onset(
        float(bends[best]), float(max(bends[near].max() - bends[best], bends[best] - bends[near].min(), *steps))
    )


def _left_over(at: Floats, y: Floats, line: Floats, bends: Floats, power: float) -> Floats:
    """The mean square that the line with a bend at each place leaves; downward bends are no onset."""
    risen = (np.maximum(at[None, :] - bends[:, None], 0.0) / max(at[-1] - at[0], 1e-9)) ** power
    basis, _ = np.linalg.qr(line / np.maximum(np.abs(line).max(axis=0), 1e-9))
    rest, risen = y - basis @ (basis.T @ y), risen - (risen @ basis) @ basis.T
    square = np.maximum((risen**2).sum(axis=1), 1e-12)
    steep = np.maximum(risen @ rest / square, 0.0)
    left: Floats = ((rest**2).sum() - steep**2 * square) / len(at)
    return left
