"""Log templates: the constant part of similar lines, learned line by line in one pass, one setting for all sources.

Numbers, addresses, dates and identifiers are variable by their look. A *word* becomes variable only by evidence: when
enough lines differ in that one place alone, or when a number was seen there. So `state Active` and `state Inactive`
stay two templates, while the names of fifty users make one. When a place turns out to be variable, the templates found
so far become one: `canonical` gives the id that is left (the oldest), so an id never comes to mean another line.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

WILD: Final = "<*>"
_HOLE: Final = "\x00"  # stands for WILD while a line is taken apart
TEMPLATES_MAX: Final = 50_000  # what is new after that goes into one template, the last
WORDS_MAX: Final = 256  # of a line; the rest is its tail and not looked at
VALUES_FEW: Final = 3  # a place is variable when this many values share it evenly ...
EVEN_SHARE: Final = 0.6  # ... so that none has more of the lines than this
CONSTANT_WORDS: Final = 4  # and when this many other words are the same
VALUES_MANY: Final = {2: 20, 3: 6}  # however uneven, with so many words the same; with more of them VALUES_MANY_ELSE
VALUES_MANY_ELSE: Final = 4
NEIGHBOURS_MIN: Final = 3  # words that must be the same for a word to stand where a number was seen

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,?\s+"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*"
_VARIABLE: Final = re.compile(
    "|".join(
        [
            rf"\b(?:{_DAY})?{_MONTH}\s+\d\d?,?\s+\d\d:\d\d:\d\d(?:\s+[A-Z]{{3,4}})?(?:\s+\d{{4}})?\b",  # a date
            r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",  # a UUID
            r"\b(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}\b",  # a MAC address
            r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])",  # IPv6
            r"(?<![\w.-])(?=[\w.-]*\d)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2,}(?![\w.-])",  # IPv4, a host with digits
            r"(?<=\s\()(?=\))",  # nothing, where others have something: `from 10.0.0.1 ()`
            r"\b0[xX][0-9a-fA-F]+\b",
            r"(?<![A-Za-z0-9])-?(?=[a-f]*\d)(?:[0-9a-f]{8,}|[0-9A-F]{8,})(?![A-Za-z0-9])",  # a long identifier
            r"(?<![A-Za-z])\d+(?:\.\d+)?(?=(?:ms|s|secs?|[KMGk]B|[BKMG]|[kM]Hz|Mhz|%)\b)",  # a number with its unit
            r"(?<![A-Za-z])[-+]?\d+(?:[.,:]\d+)*(?![A-Za-z])",  # a number, a time, a version
        ]
    )
)
_WORD: Final = re.compile(r"[^=,;:()\[\]{}\"'|<>\s]+|[=,;:()\[\]{}\"'|<>]")
_BETWEEN_HOLES: Final = re.compile(rf"{_HOLE}.*{_HOLE}")
_PUNCTUATION: Final = re.compile(rf"[{_HOLE}._\-/+*#@$%&!?~]")

Words = tuple[str, ...]


def words(line: str) -> Words:
    """The line's words, with `<*>` for what is variable by its look; a list of such is one of them."""
    found: list[str] = []
    for word in _WORD.findall(_VARIABLE.sub(_HOLE, line)):
        if _HOLE in word:
            word = _BETWEEN_HOLES.sub(_HOLE, word)  # noqa: PLW2901 (the same word, simpler)
            word = word.replace(_HOLE, WILD) if _PUNCTUATION.sub("", word) else WILD  # noqa: PLW2901
        if word == WILD and found:
            if found[-1] == WILD:
                continue
            if found[-1] in ",:" and len(found) > 1 and found[-2] == WILD:
                found.pop()
                continue
        found.append(word)
    return tuple(found[:WORDS_MAX])


class Miner:
    """Learns templates. Ids are whole numbers from 1, in the order in which their first lines came."""

    def __init__(self) -> None:
        self._ids: dict[Words, int] = {}
        self._merged: list[int] = [0]  # by id: the id it became part of, or itself
        self._lines: list[int] = [0]
        self._texts: list[Words] = [()]
        # A place is a template without one of its words. Who shares it, and whether it is known to be variable.
        self._sharers: dict[tuple[int, Words], list[int]] = {}
        self._open: set[tuple[int, Words]] = set()

    def learn(self, line: str) -> int:
        """The id of the line's template as known now; `canonical` of it later."""
        key = words(line)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = self._place(key)
        self._lines[found] += 1
        return found

    def canonical(self, number: int) -> int:
        """The id that this one has become part of, or itself."""
        while self._merged[number] != number:
            self._merged[number] = self._merged[self._merged[number]]
            number = self._merged[number]
        return number

    def text(self, number: int) -> str:
        """The template in words, as its first line showed it."""
        return " ".join(self._texts[number])

    def __len__(self) -> int:
        """How many templates are left after merging."""
        return sum(1 for number in range(1, len(self._merged)) if self._merged[number] == number)

    def dump(self) -> dict[str, Any]:
        """Everything that was learned, as JSON."""
        return {
            "ids": [[*key, number] for key, number in self._ids.items()],
            "merged": self._merged,
            "lines": self._lines,
            "texts": self._texts[1:],
            "open": [[place, *key] for place, key in self._open],
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "Miner":
        """A miner that goes on where `dump` was. Raises KeyError or TypeError when it is of another version."""
        miner = cls()
        miner._ids = {tuple(key): int(number) for *key, number in kept["ids"]}
        miner._merged, miner._lines = list(kept["merged"]), list(kept["lines"])
        miner._texts = [(), *(tuple(text) for text in kept["texts"])]
        miner._open = {(int(place), tuple(key)) for place, *key in kept["open"]}
        for number, text in enumerate(miner._texts):
            for place in _sharing(text):
                miner._sharers.setdefault(cls._place_of(text, place), []).append(number)
        return miner

    def _place(self, key: Words) -> int:
        """The id of words that were never seen: of the variable place they fill, or a new one."""
        said = [place for place, word in enumerate(key) if word != WILD and any(map(str.isalpha, word))]
        for place, word in enumerate(key):
            if word != WILD and self._place_of(key, place) in self._open:
                return self._id_of(_with_hole(key, place))
        if len(said) > NEIGHBOURS_MIN:
            for place in said:
                wider = self._ids.get(_with_hole(key, place))
                if wider is not None:
                    return wider
        if len(self._merged) > TEMPLATES_MAX:
            return TEMPLATES_MAX
        return self._new(key, said)

    def _new(self, key: Words, said: list[int]) -> int:
        number = len(self._merged)
        self._merged.append(number)
        self._lines.append(0)
        self._texts.append(key)
        self._ids[key] = number
        for place, word in enumerate(key):
            spot = self._place_of(key, place)
            if word == WILD:
                if len(said) >= NEIGHBOURS_MIN:
                    self._merge([number, *self._sharers.get(spot, ())])
            elif _may_vary(word):
                sharers = self._sharers.setdefault(spot, [])
                sharers.append(number)
                if self._is_variable(sharers, len(said) - (place in said)):
                    self._open.add(spot)
                    self._merge([self._id_of(_with_hole(key, place)), *sharers])
        return number

    def _is_variable(self, sharers: list[int], constant: int) -> bool:
        """Whether the values seen in a place are enough to call it variable; constant: words that are the same."""
        many = VALUES_MANY_ELSE if constant >= CONSTANT_WORDS else VALUES_MANY.get(constant)
        if many is not None and len(sharers) >= many:
            return True
        if constant < CONSTANT_WORDS or len(sharers) < VALUES_FEW:
            return False
        lines = [self._lines[number] for number in sharers]
        return 0 < max(lines) <= EVEN_SHARE * sum(lines)

    def _id_of(self, key: Words) -> int:
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = self._place(key)
        return found

    def _merge(self, numbers: list[int]) -> None:
        left = min(map(self.canonical, numbers))
        for number in numbers:
            self._merged[self.canonical(number)] = left

    @staticmethod
    def _place_of(key: Words, place: int) -> tuple[int, Words]:
        return place, key[:place] + key[place + 1 :]


def _may_vary(word: str) -> bool:
    """Whether a word is more than a mark between others."""
    return len(word) > 1 or word.isalnum()


def _sharing(text: Words) -> list[int]:
    """The places of a template that others may share."""
    return [place for place, word in enumerate(text) if word != WILD and _may_vary(word)]


def _with_hole(key: Words, place: int) -> Words:
    return (*key[:place], WILD, *key[place + 1 :])
