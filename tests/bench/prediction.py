"""What prediction costs: microseconds a point, bytes a series, log lines a second, in seconds of one core."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from sereno_server.prediction.anomaly import Anomaly
from sereno_server.prediction.exhaustion import Exhaustion
from sereno_server.prediction.templates import Miner

SERIES = 20_000
STEPS = 120
STEP_S = 15.0
LINES = 60_000
FLEET_DEVICES = 10_000
FLEET_BOUNDED = 12  # bounded resources of a device
FLEET_SERIES = 60
FLEET_STEP_S = 15.0


def run(_arguments: list[str]) -> Iterator[dict[str, Any]]:
    exhaustion_us, state_bytes = _exhaustion()
    yield {"bench": "prediction", "figure": "exhaustion_us_a_point", "value": round(exhaustion_us, 2)}
    yield {"bench": "prediction", "figure": "exhaustion_bytes_a_series", "value": state_bytes}
    anomaly_us, anomaly_bytes = _anomaly()
    yield {"bench": "prediction", "figure": "anomaly_us_a_point", "value": round(anomaly_us, 2)}
    yield {"bench": "prediction", "figure": "anomaly_bytes_a_series", "value": anomaly_bytes}
    both_us = exhaustion_us * FLEET_BOUNDED / FLEET_SERIES + anomaly_us
    yield {"bench": "prediction", "figure": "points_a_second", "value": round(1e6 / both_us)}
    mean_bytes = state_bytes * FLEET_BOUNDED / FLEET_SERIES + anomaly_bytes
    yield {"bench": "prediction", "figure": "state_bytes_a_series_on_average", "value": round(mean_bytes)}
    seconds = FLEET_DEVICES * FLEET_SERIES * 60 / FLEET_STEP_S * both_us / 1e6
    yield {"bench": "prediction", "figure": "core_seconds_a_minute_10000_devices", "value": round(seconds, 1)}
    yield {"bench": "prediction", "figure": "template_lines_a_second", "value": round(_templates())}


def _points(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One sample of every series a step: noise, of which every hundredth series grows."""
    level = rng.uniform(0.2, 0.7, SERIES)
    growth = np.where(np.arange(SERIES) % 100 == 0, rng.uniform(0, 0.002, SERIES), 0.0)
    for step in range(STEPS):
        yield np.full(SERIES, 1.7e9 + step * STEP_S), level + growth * step + rng.normal(0, 0.002, SERIES)


def _exhaustion() -> tuple[float, int]:
    engine, rows, capacity = Exhaustion(SERIES), np.arange(SERIES), np.ones(SERIES)
    points = list(_points(np.random.default_rng(1)))
    start = time.process_time()
    for at, value in points:
        engine.observe(rows, at, value, capacity)
    took = time.process_time() - start
    return took / (SERIES * STEPS) * 1e6, sum(part.bytes_a_row() for part in engine.parts())


def _anomaly() -> tuple[float, int]:
    engine, rows = Anomaly(SERIES), np.arange(SERIES)
    points = list(_points(np.random.default_rng(1)))
    start = time.process_time()
    for at, value in points:
        engine.observe(rows, at, value)
    took = time.process_time() - start
    return took / (SERIES * STEPS) * 1e6, engine.bytes_a_row()


def _templates() -> float:
    rng = np.random.default_rng(1)
    words = [f"word{'abcdefghij'[k % 10]}{'klmnopqrst'[k // 10]}" for k in range(100)]
    shapes = [[str(rng.choice(words)) for _ in range(rng.integers(4, 14))] for _ in range(200)]
    lines = []
    for _ in range(LINES):
        shape = shapes[int(rng.integers(len(shapes)))]
        lines.append(" ".join([*shape, str(rng.integers(10_000)), f"10.0.{rng.integers(256)}.{rng.integers(256)}"]))
    miner = Miner()
    start = time.process_time()
    for line in lines:
        miner.learn(line)
    return LINES / (time.process_time() - start)
