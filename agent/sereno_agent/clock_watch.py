"""Notices when the machine's clock is set, or when it slept: samples keep the device's time, so a person must know."""

from collections.abc import Callable
from typing import Final

JUMP_MS_MIN: Final = 2_000  # less is what time synchronisation may do


class ClockWatch:
    """Compares the wall clock with the monotonic one, which nobody can set."""

    def __init__(self, now_ms: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._offset_ms = self._measure()

    def jumped(self) -> tuple[str, str] | None:
        """Code and sentence when the clock jumped since the last call."""
        offset_ms = self._measure()
        jump_ms = offset_ms - self._offset_ms
        self._offset_ms = offset_ms
        if abs(jump_ms) < JUMP_MS_MIN:
            return None
        seconds = round(abs(jump_ms) / 1000)
        if jump_ms > 0:
            return "E_CLOCK_SKEW", f"the clock jumped forward by {seconds} s, or the machine slept"
        return "E_CLOCK_BACK", f"the clock was set back by {seconds} s"

    def _measure(self) -> int:
        return self._now_ms() - round(self._monotonic() * 1000)
