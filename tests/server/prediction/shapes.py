"""Seeded shapes of use over time, for tests: each gives the used share of a capacity of 1 per row."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sawtooth(rows: int, period: int, height: float, floor: float = 0.4, leak: float = 0.0) -> Floats:
    row = np.arange(rows)
    return floor + height * (row % period) / period + leak * row


def quiet_then_ramp(quiet: int, ramp: int, floor: float = 0.1) -> Floats:
    """Quiet, then a straight rise that is full after `ramp` rows."""
    return np.concatenate([np.full(quiet, floor), floor + (1 - floor) * np.arange(1, ramp + 1) / ramp])


def noisy(used: Floats, seed: int, size: float = 0.002) -> Floats:
    return used + np.random.default_rng(seed).normal(0, size, len(used))
