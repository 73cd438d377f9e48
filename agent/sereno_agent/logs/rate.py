"""How much one source may send: a bucket that fills evenly, a fifth of it kept for what matters more."""

from typing import Final

RESERVE_SHARE: Final = 0.2
WARNING: Final = 4


class Rate:
    """Lets so many records a minute through; the bucket holds one minute's worth."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._tokens = float(per_minute)
        self._at = now

    def fill(self, now: float) -> None:
        """Adds what has come in since the last time."""
        self._tokens = min(self.per_minute, self._tokens + (now - self._at) * self.per_minute / 60)
        self._at = now

    @property
    def empty(self) -> bool:
        """Whether not even a warning passes now."""
        return self._tokens < 1

    def lets(self, severity: int) -> bool:
        """Whether one more record passes; takes its part when it does."""
        kept = 0.0 if severity <= WARNING else min(self.per_minute * RESERVE_SHARE, self.per_minute - 1)
        if self._tokens - kept < 1:
            return False
        self._tokens -= 1
        return True
