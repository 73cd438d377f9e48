"""What moved between two looks a moment apart."""

from collections.abc import Callable
from typing import TypeVar

from sereno_diagnostics.reading import Reader

_Look = TypeVar("_Look")
BETWEEN_S = 2.0


def twice(reader: Reader, look: Callable[[], _Look], between_s: float = BETWEEN_S) -> tuple[_Look, _Look, float]:
    """The look before, the one after, and the seconds that really lay between them."""
    before = look()
    started = reader.clock()
    reader.sleep(between_s)
    after = look()
    return before, after, max(reader.clock() - started, 0.001)
