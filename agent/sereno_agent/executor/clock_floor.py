"""The device's own time, which never goes back: turning the clock back must not make an expired plan valid again."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sereno_agent.executor import durable
from sereno_proto.documents import write_time
from sereno_proto.errors import Refused
from sereno_proto.limits import CLOCK_BACK_MS_MAX

_STEP_MS: Final = 1000  # how far time moves before it is written again


class ClockFloor:
    """Remembers the highest time seen, on disk. No time comes from the server."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._floor_ms = self._read()

    def now(self) -> datetime:
        """The time, never lower than one given before; raises E_CLOCK_BACK when the clock lies further back."""
        with self._lock:
            now_ms = self._now_ms()
            if now_ms < self._floor_ms - CLOCK_BACK_MS_MAX:
                floor = datetime.fromtimestamp(self._floor_ms / 1000, UTC)
                raise Refused("E_CLOCK_BACK", f"it was {write_time(floor)} before")
            if now_ms >= self._floor_ms + _STEP_MS or not self._floor_ms:
                durable.write(self._path, str(now_ms).encode())
                self._floor_ms = now_ms
            return datetime.fromtimestamp(max(now_ms, self._floor_ms) / 1000, UTC)

    def _read(self) -> int:
        try:
            return int(self._path.read_bytes().decode("ascii"))
        except FileNotFoundError:
            if any(any(self._path.parent.glob(f"*.{kind}")) for kind in ("plan", "used", "taken")):
                raise Refused("E_STATE_LOST", f"{self._path} is missing") from None
            return 0
        except ValueError as error:
            raise Refused("E_STATE_LOST", f"{self._path} is damaged") from error
