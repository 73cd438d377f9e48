"""State of many series as columns: one array a quantity, one row a series."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


class Columns:
    """A set of named columns that grow together and start anew row by row."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._fresh: dict[str, Any] = {}

    def floats(self, name: str, fresh: float, width: int = 0) -> Floats:
        """Makes a column of numbers; `width` of them a row unless 0."""
        self._fresh[name] = fresh
        return np.full((self.size, width) if width else self.size, fresh)

    def counts(self, name: str, fresh: int = 0) -> Counts:
        """Makes a column of whole numbers."""
        self._fresh[name] = fresh
        return np.full(self.size, fresh, np.int64)

    def flags(self, name: str) -> Flags:
        """Makes a column of yes and no, all no."""
        self._fresh[name] = False
        return np.zeros(self.size, bool)

    def grow(self, size: int) -> None:
        """Adds fresh rows until there are `size`."""
        for name, fresh in self._fresh.items():
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full((size - self.size, *old.shape[1:]), fresh, old.dtype)]))
        self.size = size

    def forget(self, rows: Rows) -> None:
        """Makes these rows as fresh as new ones."""
        for name, fresh in self._fresh.items():
            getattr(self, name)[rows] = fresh

    def dump(self) -> dict[str, NDArray[Any]]:
        """The columns by name, to keep them."""
        return {name: getattr(self, name) for name in self._fresh}

    def load(self, kept: dict[str, NDArray[Any]]) -> None:
        """Takes over what `dump` gave."""
        for name in self._fresh:
            setattr(self, name, kept[name].copy())
        self.size = len(next(iter(kept.values())))

    def bytes_a_row(self) -> int:
        """Memory of one series."""
        return sum(getattr(self, name)[:1].nbytes for name in self._fresh)
