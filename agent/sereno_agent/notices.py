"""What a person should know, said once an hour at most."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from sereno_proto.errors import CATALOGUE
from sereno_proto.limits import TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Notice

REPEAT_S: Final = 3600.0
_KINDS_MAX: Final = 256

Send = Callable[[Notice], object]


class Notices:
    """Passes a notice on unless the same one was passed within the hour."""

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._sent: dict[tuple[str, str], float] = {}

    def say(self, code: str, what: str, remedy: str = "") -> None:
        """Sends a notice; without a remedy the catalogue's is taken."""
        now = self._clock()
        key = (code, what)
        last = self._sent.pop(key, None)
        if last is not None and now - last < REPEAT_S:
            self._sent[key] = last
            return
        if len(self._sent) >= _KINDS_MAX:
            del self._sent[next(iter(self._sent))]
        self._sent[key] = now
        self._send(Notice(code=code, what=what[:TEXT_CHARS_MAX], remedy=remedy or CATALOGUE[code].remedy))

    def say_all(self, notices: Iterable[Notice]) -> None:
        """Sends what collectors noticed."""
        for notice in notices:
            self.say(notice.code, notice.what, notice.remedy)
