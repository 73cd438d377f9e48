"""State of many series as columns: one array a quantity, one row a series."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Small = NDArray[np.float32]
Counts = NDArray[np.int32]
Codes = NDArray[np.int8]
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

    def small(self, name: str, fresh: float, width: int = 0) -> Small:
        """Makes a column of numbers of seven digits: for differences and shares, not for times or levels."""
        self._fresh[name] = fresh
        return np.full((self.size, width) if width else self.size, fresh, np.float32)

    def counts(self, name: str, fresh: int = 0) -> Counts:
        """Makes a column of whole numbers."""
        self._fresh[name] = fresh
        return np.full(self.size, fresh, np.int32)

    def codes(self, name: str, fresh: int = 0, width: int = 0) -> Codes:
        """Makes a column of whole numbers between -128 and 127."""
        self._fresh[name] = fresh
        return np.full((self.size, width) if width else self.size, fresh, np.int8)

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

    def dump(self, rows: int | None = None) -> dict[str, NDArray[Any]]:
        """The columns by name, to keep them; only the first `rows` of them when given."""
        return {name: getattr(self, name)[:rows] for name in self._fresh}

    def load(self, kept: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `dump` gave. Raises ValueError when that was of other columns."""
        for name in self._fresh:
            own, given = getattr(self, name), kept.get(name)
            if given is None or (given.dtype, given.shape[1:]) != (own.dtype, own.shape[1:]):
                raise ValueError(name)
        for name in self._fresh:
            setattr(self, name, kept[name].copy())
        self.size = len(getattr(self, next(iter(self._fresh))))

    def bytes_a_row(self) -> int:
        """Memory of one series."""
        return sum(getattr(self, name)[:1].nbytes for name in self._fresh)
