"""How much of what can go wrong with one series is alarmed, by kind of trouble, on generated series of eight shapes.

Twice: as they are, and after one huge sample in their first days. Beside it stands how often an alarm comes when
nothing is wrong, within as many samples (`nothing`) and a thousand (`false_a_thousand`). The shapes are of this file
alone: they were not looked at when a setting was chosen, and prove nothing of real devices.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sereno_server.prediction.anomaly import Anomaly

BY_NAME_ONLY = True
DAY = 288  # samples: one every five minutes
SAMPLES = 14 * DAY
AT = 3000  # the trouble begins
HUGE_AT = 700
HUGE = 40.0  # standard deviations
COUNTED_FROM = 500
WITHIN = 250  # samples in which an alarm counts
SERIES = 16  # of each shape and trouble

Floats = NDArray[np.float64]
Rng = np.random.Generator


def _memory(rng: Rng, share: float) -> Floats:
    noise, value = rng.normal(0, 1, SAMPLES), np.zeros(SAMPLES)
    for place in range(1, SAMPLES):
        value[place] = share * value[place - 1] + noise[place]
    return value


def _day(rng: Rng) -> Floats:
    half: Floats = np.maximum(0, np.sin(2 * np.pi * (np.arange(SAMPLES) / DAY + rng.random())))
    return half


def _nightly(rng: Rng) -> Floats:
    value = rng.gamma(2, 1, SAMPLES)
    for start in range(30, SAMPLES, DAY):
        late = int(rng.integers(0, 6))
        value[start + late : start + late + 12] += 30
    return value


SHAPES: dict[str, Callable[[Rng], Floats]] = {
    "noise": lambda rng: rng.normal(50, 3, SAMPLES),
    "daily": lambda rng: 20 + 30 * _day(rng) * rng.lognormal(0, 0.1, SAMPLES) + rng.normal(0, 2, SAMPLES),
    "sparse": lambda rng: (rng.random(SAMPLES) < 0.01) * rng.lognormal(2, 1, SAMPLES),
    "slow": lambda rng: _memory(rng, 0.97),
    "walk": lambda rng: _memory(rng, 0.999),
    "heavy": lambda rng: rng.lognormal(0, 1, SAMPLES) * (1 + 0.5 * _day(rng)),
    "modes": lambda rng: np.repeat(rng.choice([10, 10, 10, 40], SAMPLES // 24), 24) + rng.normal(0, 1, SAMPLES),
    "nightly": _nightly,
}


def _spoil(value: Floats, trouble: str) -> None:
    before = value[:AT]
    size, middle = before.std(), np.median(before)
    reach = np.quantile(before, 0.999) - middle
    soon, day = slice(AT, AT + 100), slice(AT, AT + 200)
    match trouble:
        case "spike":
            value[AT] += 2 * reach + 6 * size
        case "dip":
            value[AT : AT + 3] -= 1.5 * reach + 4 * size
        case "shift":
            value[AT:] += 2.5 * size
        case "burst":
            value[soon] += 1.5 * size
        case "drift":
            value[AT:] += np.minimum(np.arange(SAMPLES - AT) / WITHIN, 1) * 5 * size
        case "noisier":
            value[soon] = middle + (value[soon] - middle) * 4
        case "frozen":
            value[day] = value[AT]
        case "gone":
            value[day] = before.min()
        case "out_of_step":
            value[day] = value[AT + 120 : AT + 320]


TROUBLES = ("nothing", "spike", "dip", "shift", "burst", "drift", "noisier", "frozen", "gone", "out_of_step")


def _alarms(values: Floats) -> NDArray[np.bool_]:
    engine, rows = Anomaly(len(values)), np.arange(len(values))
    found = np.zeros(values.shape, bool)
    for place in range(SAMPLES):
        at = np.full(len(values), 1_767_225_600.0 + 300 * place)
        found[:, place] = engine.observe(rows, at, values[:, place])[1]
    return found


def run(arguments: list[str]) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(int(arguments[0]) if arguments else 0)
    names = [name for _ in SHAPES for name in TROUBLES for _ in range(SERIES)]
    values = np.array([make(rng) for make in SHAPES.values() for _ in TROUBLES for _ in range(SERIES)])
    for row, name in enumerate(names):
        _spoil(values[row], name)
    for history, huge in (("clean", 0.0), ("one_huge_sample", HUGE)):
        values[:, HUGE_AT] += huge * values[:, :HUGE_AT].std(axis=1)
        found = _alarms(values)
        told = found[:, AT : AT + WITHIN].any(axis=1)
        for name in TROUBLES:
            share = float(told[[other == name for other in names]].mean())
            yield {"bench": "troubles", "history": history, "figure": name, "value": round(share, 2)}
        false = 1000 * float(found[:, COUNTED_FROM:AT].mean())
        yield {"bench": "troubles", "history": history, "figure": "false_a_thousand", "value": round(false, 2)}
