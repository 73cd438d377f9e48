"""Which part of one count another one makes, between two readings."""

from collections.abc import Mapping


class Shares:
    """Remembers two counts of each thing from one reading to the next."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def since_last(self, parts: Mapping[str, float], wholes: Mapping[str, float]) -> dict[str, float]:
        """Growth of the part over growth of the whole, 0..1, for what was there before and whose whole grew."""
        last, self._last = self._last, {name: (part, wholes[name]) for name, part in parts.items()}
        found = {}
        for name, (part, whole) in self._last.items():
            before = last.get(name)
            if before is not None and whole > before[1]:
                found[name] = min(1.0, max(0.0, (part - before[0]) / (whole - before[1])))
        return found
