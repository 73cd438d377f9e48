"""How many commands a minute this device looks at: each costs it a row on disk, and some a process."""

from collections.abc import Callable
from typing import Final

from sereno_proto.limits import COMMANDS_PER_MINUTE_MAX

_MINUTE_MS: Final = 60_000


class Pace:
    """A bucket that fills evenly and holds a minute's worth."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._filled_ms = now_ms()
        self._left = float(COMMANDS_PER_MINUTE_MAX)
        self._refused = 0

    def allows(self) -> bool:
        """Takes one command from the bucket; False when it is empty."""
        now_ms = self._now_ms()
        gained = max(0, now_ms - self._filled_ms) * COMMANDS_PER_MINUTE_MAX / _MINUTE_MS
        self._left = min(COMMANDS_PER_MINUTE_MAX, self._left + gained)
        self._filled_ms = now_ms
        if self._left < 1:
            self._refused += 1
            return False
        self._left -= 1
        self._refused = 0
        return True

    def first_refused(self) -> bool:
        """Whether the refusal just given is the first since a command was allowed."""
        return self._refused == 1
