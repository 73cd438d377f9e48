"""Runs one series through the predictor and keeps every answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sereno_server.prediction.exhaustion import Exhaustion

START = 1_767_225_600.0
ONE = np.array([0])


@dataclass(frozen=True)
class Said:
    """Per row: seconds from the start of the series (NaN = nothing predicted)."""

    full_at: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    onset: NDArray[np.float64]


def replay(used, step_s=3600.0, *, capacity=1.0, at=None, engine=None, start=START):
    engine = engine or Exhaustion(1)
    at = start + np.arange(len(used)) * step_s if at is None else start + np.asarray(at, float)
    rows = []
    for when, value in zip(at, used, strict=True):
        answer = engine.observe(ONE, np.array([when]), np.array([value]), np.array([capacity]))
        rows.append([answer.full_at[0], answer.low[0], answer.high[0], answer.onset[0]])
    return Said(*(np.array(rows).reshape(-1, 4).T - start))
