"""Have a change and a trouble to do with each other? Told by the words in their names."""

import re
from typing import Final

WORD_CHARS_MIN: Final = 3
STEM_CHARS_MIN: Final = 5
# Words that stand in every second path and say nothing.
COMMON: Final = frozenset(
    [
        "app",
        "apps",
        "bin",
        "cfg",
        "conf",
        "config",
        "data",
        "default",
        "etc",
        "file",
        "files",
        "filesystem",
        "folder",
        "home",
        "inodes",
        "lib",
        "local",
        "log",
        "logs",
        "main",
        "memory",
        "mnt",
        "new",
        "old",
        "opt",
        "root",
        "run",
        "server",
        "service",
        "share",
        "srv",
        "state",
        "swap",
        "sys",
        "system",
        "tmp",
        "usr",
        "var",
        "the",
        "and",
    ]
)


def related(about: str, name: str) -> bool:
    """True when the two have an uncommon word in common: `/var/lib/postgresql` and `package postgresql-16`.

    A long word also counts as the beginning of a longer one: `postgres` and `postgresql`.
    """
    here, there = words(about), words(name)
    return bool(here & there) or any(
        one != two and (one.startswith(two) or two.startswith(one))
        for one in here
        for two in there
        if min(len(one), len(two)) >= STEM_CHARS_MIN
    )


def below(path: str, about: str) -> bool:
    """True when the path lies in a folder or file system that `about` names; the whole machine (`/`) names nothing."""
    places = [word.rstrip("/") + "/" for word in about.split() if word.startswith("/") and word != "/"]
    return any(path.startswith(place) for place in places)


def words(text: str, *, common: bool = True) -> frozenset[str]:
    """The telling words of a name, lower case; with `common` False also those that stand in every second path."""
    found = re.split(r"[^a-z]+", text.lower())
    return frozenset(word for word in found if len(word) >= WORD_CHARS_MIN and not (common and word in COMMON))
