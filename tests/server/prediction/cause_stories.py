"""Seeded incidents for the cause test: a device, what changed on it, and the disk that begins to fill, or not by them.

Fair by construction: what did not cause anything falls anywhere in the eight days, as often and of such kinds as the
seed says, and knows nothing of the onset. How long the true cause takes to show and how fast the disk fills are drawn
apart from each other.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np

START = datetime(2026, 3, 2, tzinfo=UTC)
QUIET = timedelta(days=8)
SAMPLED = timedelta(days=3)  # so much of the quiet time has samples; changes are known for all of it
FIRST = START + QUIET - SAMPLED
STEP_S = 600
# What causes trouble, and what happens anyway: how often of a hundred.
TRUE_KINDS = {"file": 28, "package": 22, "service": 14, "sysctl": 10, "cron": 10, "reboot": 8, "user": 8}
USUAL_KINDS = {"file": 20, "package": 15, "service": 20, "user": 12, "port": 10, "sysctl": 5, "cron": 5, "sshkey": 8}
USUAL_KINDS |= {"address": 5}
THINGS = ("nginx", "postgresql", "redis", "cups", "rsyslog", "chrony", "docker", "tomcat", "samba", "bind")


@dataclass(frozen=True)
class Changed:
    """A change as a row."""

    id: str
    kind: str
    object: str
    at: datetime
    digest: str
    true: bool = False


@dataclass
class Incident:
    """One device's story. cause: the id of the true cause, empty when nothing that changed was behind it."""

    number: int
    onset: datetime
    fill_s: float
    used: np.ndarray
    changes: list[Changed] = field(default_factory=list)
    cause: str = ""

    @property
    def device(self) -> str:
        return f"dev_{self.number:03d}"


def make(seed: int, number: int, *, caused: bool) -> Incident:
    random = Random(f"{seed}-{number}-{caused}")
    onset = START + QUIET + timedelta(seconds=random.uniform(0, 86_400))
    fill_s = 3600.0 * math.exp(random.uniform(math.log(3), math.log(72)))
    incident = Incident(number, onset, fill_s, _use(random, onset, fill_s))
    _live(random, incident)
    if caused:
        _cause(random, incident)
    return incident


def _use(random: Random, onset: datetime, fill_s: float) -> np.ndarray:
    """Use of the disk, a row every ten minutes: noise and a daily wave, then a straight or accelerating rise."""
    at = np.arange(0, SAMPLED.total_seconds() + 86_400 + fill_s, STEP_S)
    noise = np.random.default_rng(random.getrandbits(32))
    floor = random.uniform(0.2, 0.6)
    used = floor + random.uniform(0, 0.02) * np.sin(2 * np.pi * at / 86_400) + noise.normal(0, 0.002, len(at))
    since = np.maximum(at - (onset - FIRST).total_seconds(), 0) / fill_s
    return np.minimum(used + (1 - floor) * since ** random.choice([1.0, 1.0, 1.5]), 1.0)


def _live(random: Random, incident: Incident) -> None:
    """What changes anyway: 2 to 40 times, alone or in company, until well after the onset."""
    span = QUIET.total_seconds() + 86_400 + incident.fill_s
    for _ in range(round(math.exp(random.uniform(math.log(2), math.log(40))))):
        at = START + timedelta(seconds=random.uniform(0, span))
        _happens(random, incident, _drawn(random, USUAL_KINDS), at)


def _cause(random: Random, incident: Incident) -> None:
    delay_s = min(math.exp(random.uniform(math.log(10), math.log(3 * 3600))), incident.fill_s / 3)
    at = incident.onset - timedelta(seconds=delay_s)
    incident.cause = _happens(random, incident, _drawn(random, TRUE_KINDS), at, true=True)


def _happens(random: Random, incident: Incident, kind: str, at: datetime, *, true: bool = False) -> str:
    """One change and what it brings along: a package its files and a restart, an edit often a restart."""
    thing = random.choice(THINGS)
    company = {"package": ["file", "file", "service"], "file": ["service"], "reboot": ["port"]}.get(kind, [])
    first = _put(random, incident, kind, thing, at, true=true)
    for other in company if random.random() < 0.5 else []:
        _put(random, incident, other, thing, at + timedelta(seconds=random.uniform(0, 60)))
    return first


def _put(random: Random, incident: Incident, kind: str, thing: str, at: datetime, *, true: bool = False) -> str:
    identity = f"chg_{incident.number:03d}_{len(incident.changes):03d}"
    name = f"/etc/{thing}/{thing}.conf" if kind in {"file", "cron"} else thing
    digest = f"sha256:{random.getrandbits(64):x}"
    incident.changes.append(Changed(identity, kind, name, at, digest, true))
    return identity


def _drawn(random: Random, shares: dict[str, int]) -> str:
    return random.choices(list(shares), list(shares.values()))[0]
