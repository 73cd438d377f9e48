"""What comes and goes all the time: one line with a count instead of a hundred changes."""

from collections.abc import Callable, Mapping
from typing import Final

FLAPPING_S: Final = 3600.0
FLAPPING_TURNS: Final = 4


class Flapping:
    """What comes and goes all the time is told once, with how often, and again when it has come to rest."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._before: set[str] | None = None
        self._turns: dict[str, list[float]] = {}  # when each name came or went, within the last hour
        self._told: dict[str, str] = {}  # of those that flap

    def calmed(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The texts, where a name that flaps has one that stays the same, whether it is there at the moment or not."""
        now = self._monotonic()
        turned = set() if self._before is None else self._before ^ texts.keys()
        for name in turned:
            self._turns.setdefault(name, []).append(now)
        self._before = set(texts)
        for name, turns in list(self._turns.items()):
            turns[:] = [at for at in turns if now - at <= FLAPPING_S]
            if not turns:
                del self._turns[name]
                self._told.pop(name, None)
            elif len(turns) >= FLAPPING_TURNS:
                self._told.setdefault(name, f"comes and goes, {len(turns)} times within an hour")
        return {**texts, **self._told}
