"""How many commands a minute this device looks at: each costs it a row on disk, and some a process."""

from collections.abc import Callable
from typing import Final

from sereno_proto.limits import COMMANDS_AT_ONCE_MAX, COMMANDS_PER_MINUTE_MAX

_MINUTE_MS: Final = 60_000
_TOLD_EVERY_MS: Final = 600_000


class Pace:
    """A bucket that fills evenly, and holds enough for a busy while."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._filled_ms = now_ms()
        self._left = float(COMMANDS_AT_ONCE_MAX)
        self._told_ms: int | None = None

    def allows(self) -> bool:
        """Takes one command from the bucket; False when it is empty."""
        now_ms = self._now_ms()
        gained = max(0, now_ms - self._filled_ms) * COMMANDS_PER_MINUTE_MAX / _MINUTE_MS
        self._left = min(COMMANDS_AT_ONCE_MAX, self._left + gained)
        self._filled_ms = now_ms
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def tells(self) -> bool:
        """Whether a refusal just given is to be told: one in ten minutes, else a flood is told with a flood."""
        now_ms = self._now_ms()
        if self._told_ms is not None and self._told_ms <= now_ms < self._told_ms + _TOLD_EVERY_MS:
            return False
        self._told_ms = now_ms
        return True
