"""Runs the fuzzer: so many seconds a target, and what it found."""

import random
import resource
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import documents, readers, signatures  # importing lists them
from tests.fuzz.mutate import mutate
from tests.fuzz.target import TARGETS, BrokenLaw, Target

from sereno_proto.errors import SerenoError

__all__ = ["TARGETS", "documents", "fuzz", "readers", "signatures"]
CORPUS = Path(__file__).parent / "corpus"
KEPT_MAX = 400  # inputs that ended in a new way, to go on from
SLOW_S = 2.0
GROWN_KIB_MAX = 512 * 1024


@dataclass
class Found:
    """What came of one target."""

    name: str
    tried: int = 0
    taken: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    findings: dict[str, bytes] = field(default_factory=dict)  # what -> the input
    slowest_s: float = 0.0
    grown_kib: int = 0


def fuzz(target: Target, seconds: float, seed: int) -> Found:
    """Bends seeds, and inputs that ended in a new way, until the time is over."""
    chance = random.Random(seed)
    found = Found(target.name)
    pool = [*target.seeds(), *cases(target.name)]
    for data in pool:
        attempt(target, data, found)
    seen: set[str] = set()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(20):
            data = mutate(chance.choice(pool), chance.choice(pool), target.words, chance)
            what = attempt(target, data, found)
            if what not in seen and len(pool) < KEPT_MAX:
                seen.add(what)
                pool.append(data)
    found.grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if found.grown_kib > GROWN_KIB_MAX:
        found.findings["MEMORY"] = b""
    return found


def attempt(target: Target, data: bytes, found: Found) -> str:
    """One input; gives how it ended, in words without the input's own."""
    found.tried += 1
    begun = time.thread_time()
    try:
        took = target.attempt(data)
        found.taken += took
        what = "taken" if took else "refused"
    except SerenoError as error:
        found.refused[error.code] = found.refused.get(error.code, 0) + 1
        what = f"{error.code} {''.join(one for one in error.what if one.isalpha() or one == ' ')[:40]}"
    except BrokenLaw as broken:
        what = f"LAW {broken}"
        found.findings.setdefault(what, data)
    except Exception as error:  # noqa: BLE001, this is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"CRASH {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        found.findings.setdefault(what, data)
    lasted = time.thread_time() - begun
    found.slowest_s = max(found.slowest_s, lasted)
    if lasted > SLOW_S:
        found.findings.setdefault("SLOW", data)
    return what


def cases(name: str) -> list[bytes]:
    """Inputs that were findings once; they stay mended."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
