"""Which devices are siblings? Those of one organisation and platform that measure and run nearly the same things.

What a device is there for shows in what it has: its series (mounts, folders, services, databases, containers) and its
packages. Each device gets a signature of 64 small hashes (b-bit minhash, Li and König 2010); the share of equal ones
tells how much of their things two devices have in common, without comparing lists.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HASHES: Final = 64
ALIKE_MIN: Final = 0.5  # of their things that siblings have in common
SITE: Final = 0.05  # added for the same site: of two equally alike the nearer one
SIBLINGS_MIN: Final = 4
SIBLINGS_MAX: Final = 16
CANDIDATES_MAX: Final = 2000  # devices of one organisation and platform that a device is compared with
_PRIME: Final = (1 << 31) - 1
_random = np.random.default_rng(20_26)
_FACTORS: Final = _random.integers(1, _PRIME, HASHES, dtype=np.int64)
_OFFSETS: Final = _random.integers(0, _PRIME, HASHES, dtype=np.int64)
_EQUAL_BY_CHANCE: Final = 1 / 256

Signature = NDArray[np.uint8]


@dataclass(frozen=True)
class Kin:
    """What is known of a device to find its siblings."""

    organisation_id: str
    device_id: str
    platform: str
    site: str
    signature: Signature


def sign(things: Iterable[str]) -> Signature:
    """The signature of a set of things."""
    keys = np.array(
        [int.from_bytes(hashlib.blake2b(thing.encode(), digest_size=4).digest(), "big") >> 1 for thing in set(things)],
        np.int64,
    )
    if not len(keys):
        return np.zeros(HASHES, np.uint8)
    least = ((keys[:, None] % _PRIME * _FACTORS + _OFFSETS) % _PRIME).min(axis=0)
    signature: Signature = (least % 256).astype(np.uint8)
    return signature


def siblings(devices: Sequence[Kin]) -> Mapping[str, tuple[str, ...]]:
    """The siblings of each device that has enough of them, the most alike first."""
    groups: dict[tuple[str, str], list[Kin]] = {}
    for device in devices:
        groups.setdefault((device.organisation_id, device.platform), []).append(device)
    found: dict[str, tuple[str, ...]] = {}
    for group in groups.values():
        if len(group) > SIBLINGS_MIN:
            found |= _within(group)
    return found


def _within(group: Sequence[Kin]) -> dict[str, tuple[str, ...]]:
    group = sorted(group, key=lambda kin: (kin.site, kin.device_id))
    signatures = np.stack([kin.signature for kin in group])
    sites = np.unique([kin.site for kin in group], return_inverse=True)[1]
    found = {}
    for place, kin in enumerate(group):
        first = min(max(place - CANDIDATES_MAX // 2, 0), max(len(group) - CANDIDATES_MAX, 0))
        near = slice(first, first + CANDIDATES_MAX)
        equal = (signatures[near] == kin.signature).mean(axis=1)
        alike = (equal - _EQUAL_BY_CHANCE) / (1 - _EQUAL_BY_CHANCE)
        alike[place - first] = -1.0
        order = np.argsort(-(alike + SITE * (sites[near] == sites[place])), kind="stable")
        order = order[alike[order] >= ALIKE_MIN][:SIBLINGS_MAX]
        if len(order) >= SIBLINGS_MIN:
            found[kin.device_id] = tuple(group[first + int(other)].device_id for other in order)
    return found
