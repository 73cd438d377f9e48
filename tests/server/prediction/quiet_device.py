"""Weeks of a device with sixty series on which nothing is wrong: days, jobs, bursts, rare events, heavy tails."""

import numpy as np

from sereno_server.prediction.slots import SLOT_MS, Slots
from sereno_server.prediction.unusual import Fresh

DAY = 288
START = 1_767_225_600  # a Thursday
DEVICE = ("org_a", "dev_a")
AREAS = ("cpu", "disk", "network", "memory", "load", "sockets", "processes", "pressure", "filesystem", "service")


def week_of_work(rng, slots):
    """What the whole device does: work by day, a backup at night, a job each hour, bursts that nobody announced."""
    at = np.arange(slots)
    hour = at % DAY / 12
    weekend = at // DAY % 7 >= 5
    work = np.where(weekend, 0.2, 1.0) * np.exp(-(((hour - 13) / 4) ** 2))
    backup = (at % DAY >= 26) & (at % DAY < 26 + 6 + at // DAY % 3)
    bursts = np.zeros(slots)
    for begin in np.nonzero(rng.random(slots) < 1 / 150)[0]:
        bursts[begin : begin + rng.geometric(0.3)] += rng.lognormal(-0.5, 0.7)
    return work + 2.0 * backup + 0.4 * (at % 12 == 0) + bursts


def quiet(seed, days, series=60):
    """A row a series, a column a slot, and what the series are called."""
    rng = np.random.default_rng(seed)
    slots = days * DAY
    shared = week_of_work(rng, slots)
    rows, texts = [], {}
    for number in range(series):
        area = AREAS[number % len(AREAS)]
        texts[number] = f'{area}_figure{{n="{number}"}}'
        scale, kind = rng.lognormal(0, 3), number // len(AREAS)
        own = rng.gamma(2, 0.1, slots) + rng.uniform(0.2, 1.5) * shared * rng.lognormal(0, 0.25, slots)
        match kind:
            case 0 | 1:
                value = own
            case 2:  # smooth
                value = np.convolve(own, np.ones(6) / 6, "same") + rng.uniform(0, 5)
            case 3:  # a saw-tooth or slow growth
                value = (np.arange(slots) * rng.uniform(0.0005, 0.005)) % rng.uniform(0.5, 5) + rng.normal(
                    0, 0.02, slots
                )
            case 4:  # rare events, else nothing
                value = (rng.random(slots) < rng.choice([1 / 2000, 1 / 300])) * rng.lognormal(0, 1, slots)
            case _:  # heavy tails
                value = rng.pareto(2.5, slots) + 0.1 * shared
        rows.append(scale * value)
    return np.array(rows), texts


def fed(unusual, values, texts, first=0):
    """Feeds the slots one day at a time; gives the slots (from the start) in which an incident began."""
    began = []
    for place in range(0, values.shape[1], DAY):
        part = values[:, place : place + DAY]
        at = START + (first + place + 1 + np.arange(part.shape[1])) * SLOT_MS / 1000
        backwards = np.zeros(part.shape[1], np.int32)
        fresh = Fresh(DEVICE, Slots(list(texts), at, part, backwards), texts)
        for _, opened in unusual.feed([fresh]):
            began.append((opened.onset - START * 1000 // SLOT_MS - 1, opened))
    return began
