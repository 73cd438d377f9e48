"""Log templates: the constant part of similar lines, learned line by line with one setting for every source."""

import re
from typing import Final

WILD: Final = "<*>"
SIMILAR_SHARE: Final = 0.5  # of the words that must agree
VARIABLE: Final = re.compile(r"\d")


class Miner:
    """Learns templates; a line's id never changes, though its template may become more general."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, str], list[tuple[int, list[str]]]] = {}
        self._known: dict[str, int] = {}
        self._count = 0

    def learn(self, line: str) -> int:
        """The id (from 1) of the line's template."""
        words = [WILD if VARIABLE.search(word) else word for word in line.split()]
        masked = " ".join(words)
        known = self._known.get(masked)
        if known is None:
            known = self._known[masked] = self._place(words)
        return known

    def _place(self, words: list[str]) -> int:
        bucket = self._buckets.setdefault((len(words), words[0] if words else ""), [])
        best, best_share = None, SIMILAR_SHARE
        for entry in bucket:
            share = sum(a == b for a, b in zip(words, entry[1], strict=True)) / max(1, len(words))
            if share >= best_share:
                best, best_share = entry, share
        if best is None:
            self._count += 1
            bucket.append((self._count, words))
            return self._count
        best[1][:] = [a if a == b else WILD for a, b in zip(words, best[1], strict=True)]
        return best[0]
