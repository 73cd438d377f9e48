"""Packages as dpkg and apt write them down. Pure: text in, figures out."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_STATES: Final = {
    "n": "not installed", "c": "only its settings", "H": "half installed", "U": "unpacked", "F": "half configured",
    "W": "waits for a trigger", "t": "triggered", "i": "installed",
}  # fmt: skip
_DISTRIBUTION: Final = re.compile(
    r"//[^/]*\b(?:debian\.org|ubuntu\.com|raspbian\.org)(?:/|$)|/debian(?:-security)?/?$|/ubuntu/?$"
)
_FIELDS: Final = 4


class Package(NamedTuple):
    """One package. status: dpkg's three signs, wanted, state, error."""

    status: str
    name: str
    version: str
    architecture: str

    @property
    def installed(self) -> bool:
        return self.status[1:2] in {"i", "t", "W"}

    @property
    def broken(self) -> bool:
        """Whether it is neither there as a whole nor gone."""
        return self.status[1:2] in {"H", "U", "F"} or "R" in self.status[2:]

    @property
    def held(self) -> bool:
        return self.status[:1] == "h" and self.installed

    @property
    def state_words(self) -> str:
        return _STATES.get(self.status[1:2], "unknown") + (", needs reinstalling" if "R" in self.status[2:] else "")


class Source(NamedTuple):
    """One place that packages come from."""

    place: str  # the file's name
    address: str
    suite: str
    trusted: bool  # taken without a signature

    @property
    def release(self) -> str:
        """`bookworm` of `bookworm-security`."""
        return self.suite.partition("-")[0].partition("/")[0]

    @property
    def of_distribution(self) -> bool:
        return _DISTRIBUTION.search(self.address) is not None and bool(self.release)


def parse(text: str) -> list[Package]:
    """`dpkg-query --show` with status, name, version and architecture between tabs."""
    rows = (line.split("\t") for line in text.splitlines())
    return [Package(*row) for row in rows if len(row) == _FIELDS]


def sources(path: str, text: str) -> Iterator[Source]:
    """A .list file of one-line entries, or a .sources file of paragraphs; what is switched off is left out."""
    place = path.rpartition("/")[2]
    if path.endswith(".sources"):
        yield from _paragraphs(place, text)
    elif path.endswith(".list"):
        for line in text.splitlines():
            found = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line.strip())
            if found:
                yield Source(place, _bare(found[2]), found[3], "trusted=yes" in (found[1] or ""))


def _paragraphs(place: str, text: str) -> Iterator[Source]:
    for block in re.split(r"\n\s*\n", text):
        lines = (line.partition(":") for line in block.splitlines() if not line.startswith(("#", " ")))
        fields = {key.strip().lower(): value.strip() for key, _, value in lines}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        for address in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(place, _bare(address), suite, fields.get("trusted", "").lower() == "yes")


def _bare(address: str) -> str:
    """Without user and password."""
    return re.sub(r"//[^/@]*@", "//", address)
